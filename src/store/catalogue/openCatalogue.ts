/**
 * The store's memory: which images were pulled, and of what they are made. Loaded with the database engine at the first
 * question; importing ociflow, or opening a store that is never asked, does not pay for it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { SqlClient } from "effect/sql/SqlClient"
import type { ListOptions } from "../../api/config.ts"
import type { Reason } from "../../api/errors.ts"
import type { Emit, PulledImage } from "../../api/events.ts"
import { ifMissing } from "../../fs/syscall.ts"
import { syncDirectory } from "../../fs/writeAtomic.ts"
import { openDatabase } from "../database/Database.ts"
import { formOf, isSame, wholeForms } from "../trees/forms.ts"
import { listTrees } from "../trees/listTrees.ts"
import type { TreePaths } from "../trees/TreePaths.ts"
import { keepForms, keepImage, keepRecords, keptImages, type RecordKey } from "./Documents.ts"
import { choose, detail, isComplete, platformOf, summarize } from "./describe.ts"
import { enterForm, enterImage } from "./enterImage.ts"
import type { ImageRecord, RecordedPlatform } from "./ImageRecord.ts"
import { formRows, freshness, imageRows, manifestRows } from "./queries.ts"
import { verify } from "./verify.ts"

export interface OpenOptions extends TreePaths {
  readonly root: string
  readonly path: string
  readonly lockPath: string
  readonly emit: Emit
  /** Keeps cleaning up out, as a pull does. */
  readonly lease: Effect.Effect<void, Reason, Scope.Scope>
}

/** A store that cannot be written to is one that nobody cleans up. */
const isReadOnly = (reason: Reason) =>
  reason._tag === "FileSystemFailed" && ["EROFS", "EACCES", "EPERM"].includes(reason.code)

const iso = (millis: number) => new Date(millis).toISOString()
const now = Effect.map(Clock.currentTimeMillis, iso)

export const openCatalogue = Effect.fnUntraced(function* (options: OpenOptions) {
  const { root, layersDir, lease } = options
  const form = formOf(options)

  /** A layer that no manifest names is remembered as long as a directory of it is there, made with whatever options. */
  const forgetLayers = Effect.gen(function* () {
    const sql = yield* SqlClient
    const orphans = yield* sql<{ id: number; digest: string }>`
      SELECT id, digest FROM layers WHERE id NOT IN (SELECT layer_id FROM manifest_layers)`
    const there = new Set((yield* listTrees(layersDir)).map(({ digest }) => digest))
    for (const { id, digest } of orphans) {
      if (!there.has(digest)) yield* sql`DELETE FROM layers WHERE id = ${id}`
    }
  })

  const rebuild = Effect.gen(function* () {
    const sql = yield* SqlClient
    const time = yield* now
    const wholeOf = wholeForms(yield* listTrees(layersDir))
    const found = new Set<string>()
    for (const { image, trees } of yield* keptImages(root)) {
      const whole = wholeOf(image.manifest.digest, image.layers)
      // Of what was to be there, what is: a record may be of a pull that died before its rows, and lost its trees since.
      const forms = trees === undefined ? whole : trees.filter((it) => whole.some(isSame(it)))
      if (forms.length === 0 && image.layers.length > 0) continue
      // Two records may contradict each other; the first stands.
      const entered = yield* Effect.option(sql.withTransaction(enterImage(image, forms, time)))
      if (Option.isSome(entered)) found.add(image.reference)
    }
    return found.size
  })

  const database = yield* openDatabase({ ...options, trees: listTrees(layersDir), rebuild })

  const recordsOf = Effect.fnUntraced(function* (reference: string) {
    const [row] = yield* imageRows(reference)
    if (row === undefined) return []
    return (yield* manifestRows(row.id)).map(
      (manifest): RecordKey => ({ digest: row.digest, platform: platformOf(manifest), manifest: manifest.digest })
    )
  })

  /** All trees of an image are there, made for others: from now on they are its own, too. `false`: they are gone. */
  const adopt = Effect.fnUntraced(function* (reference: string, platform: RecordedPlatform) {
    yield* lease
    const time = yield* now
    const enter = Effect.gen(function* () {
      const chosen = yield* choose(reference, platform, options)
      if (chosen === undefined || !(yield* isComplete(chosen.image))) return false
      yield* enterForm(chosen.manifestId, form, time)
      const forms = yield* formRows(chosen.manifestId)
      const key = (yield* recordsOf(reference)).find(({ manifest }) => manifest === chosen.image.manifestDigest)
      // A power cut may have taken the record.
      if (key !== undefined) yield* Effect.option(keepForms(root, reference, key, forms))
      return true
    })
    return yield* database
      .transaction("use", enter)
      .pipe(Effect.catch((reason) => (isReadOnly(reason) ? Effect.succeed(true) : Effect.fail(reason))))
  }, Effect.scoped)

  /** `false` where the image was forgotten meanwhile. */
  const use = Effect.fnUntraced(function* (reference: string, lastUsed: string) {
    const millis = yield* Clock.currentTimeMillis
    // A time to come is a clock's that was set back since.
    if (Math.abs(millis - Date.parse(lastUsed)) < freshness) return true
    const update = Effect.flatMap(
      SqlClient,
      (sql) => sql`UPDATE images SET last_used_at = ${iso(millis)} WHERE reference = ${reference} RETURNING id`
    )
    return yield* database.transaction("use", update).pipe(
      Effect.map((rows) => rows.length > 0),
      Effect.timeout("1 second"),
      // A store that cannot be written to, or is busy for long, can still be read.
      Effect.orElseSucceed(() => true)
    )
  })

  return {
    database,
    prepare: database.read("prepare", Effect.void),
    images: (options: ListOptions = {}) => database.read("images", summarize(options)),
    verify: verify(root, database, options),
    inspect: (reference: string) => database.read("inspect", detail(reference, options)),

    find: Effect.fnUntraced(function* (reference: string, platform: RecordedPlatform) {
      const chosen = yield* database.read("find", choose(reference, platform, options))
      if (chosen === undefined || !(yield* isComplete(chosen.image))) return Option.none<PulledImage>()
      const isOurs = chosen.forms.some(isSame(form)) || (yield* adopt(reference, platform))
      return isOurs && (yield* use(reference, chosen.lastUsed)) ? Option.some(chosen.image) : Option.none<PulledImage>()
    }),

    record: Effect.fnUntraced(function* (image: ImageRecord) {
      const time = yield* now
      const query = Effect.gen(function* () {
        const { moved, manifestId } = yield* enterImage(image, [form], time)
        if (moved) yield* forgetLayers
        // Before the rows are final: a crash in between leaves a record of layers that are all there.
        yield* keepImage(root, image, yield* formRows(manifestId), time)
        const chosen = yield* choose(image.reference, image.platform, options)
        return { chosen, records: yield* recordsOf(image.reference) }
      })
      // Once for all layers: each time, a journal has thousands of new files to write, and whoever makes more of them waits.
      yield* ifMissing(syncDirectory(layersDir))
      // What is left of older ones goes with the next cleaning up.
      const { chosen } = yield* database.transaction("record", query, ({ records }) =>
        Effect.ignore(keepRecords(root, image.reference, records))
      )
      return chosen === undefined ? yield* Effect.die(new Error("a recorded image cannot be read")) : chosen.image
    })
  }
})

export type OpenCatalogue = Effect.Success<ReturnType<typeof openCatalogue>>
