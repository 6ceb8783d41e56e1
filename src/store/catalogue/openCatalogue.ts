/**
 * The catalogue: which images were pulled, and what they consist of. It is loaded with the database engine at the first
 * query, so importing ociflow, or opening a store without a query, does not pay for it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { ListOptions } from "../../api/config.ts"
import type { Reason } from "../../api/errors.ts"
import type { Emit, PulledImage } from "../../api/events.ts"
import { ifMissing } from "../../fs/syscall.ts"
import { syncDirectory } from "../../fs/writeAtomic.ts"
import { openDatabase } from "../database/Database.ts"
import { SqlClient } from "../database/Sql.ts"
import type { ImageRecord, RecordedPlatform } from "../records/ImageRecord.ts"
import { keptImages } from "../records/keptImages.ts"
import { keepForms, keepImage, keepRecords, type RecordKey } from "../records/Records.ts"
import type { Archives } from "../reuse/Archives.ts"
import { restoredTrees } from "../reuse/restoredTrees.ts"
import { listTrees } from "../trees/listTrees.ts"
import { isPart, type TreePaths } from "../trees/TreePaths.ts"
import type { Reused } from "../trees/Trees.ts"
import { formOf, isSame } from "../trees/treeForms.ts"
import { choose, detail, type Places, summarize } from "./describe.ts"
import { enterForm, enterImage } from "./enterImage.ts"
import { findMissing } from "./findMissing.ts"
import { formRows, freshness, imageRows, manifestRows, platformOf } from "./queries.ts"

export interface OpenOptions extends TreePaths {
  /** The names of the trees of a part of images; `undefined`: of whole ones. */
  readonly pathsOf: (part: string | undefined) => TreePaths
  readonly root: string
  readonly path: string
  readonly lockPath: string
  readonly emit: Emit
  readonly archives: Archives
  /** Prevents cleaning up meanwhile, as a pull does. */
  readonly lease: Effect.Effect<void, Reason, Scope.Scope>
}

/** Nobody can clean up a store that cannot be written to. */
const isReadOnly = (reason: Reason) =>
  reason._tag === "FileSystemFailed" && ["EROFS", "EACCES", "EPERM"].includes(reason.code)

const iso = (millis: number) => new Date(millis).toISOString()
const now = Effect.map(Clock.currentTimeMillis, iso)

export const openCatalogue = Effect.fnUntraced(function* (options: OpenOptions) {
  const { root, layersDir, lease, archives } = options
  const pathsOf = (part: string | undefined) => ({ archives, ...options.pathsOf(part) })

  /** A layer that no manifest names keeps its row as long as a tree of it exists, made with any options. */
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
    const restored = restoredTrees(archives, yield* listTrees(layersDir))
    const found = new Set<string>()
    for (const { image, trees } of yield* keptImages(root)) {
      const { whole, reused } = yield* restored(image.manifest.digest, image.layers)
      // Only forms whose trees exist: a pull may have died after writing the record, and its trees may be gone since.
      const forms = trees === undefined ? whole : trees.filter((it) => whole.some(isSame(it)))
      if (forms.length === 0 && image.layers.length > 0) continue
      // If two records contradict each other, the first is used.
      const entered = yield* Effect.option(sql.withTransaction(enterImage(image, forms, reused, time)))
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

  /**
   * If the trees of this store's form exist, because another image needed them, records them for this image too.
   * `false`: they are gone.
   */
  const adopt = Effect.fnUntraced(function* (reference: string, platform: RecordedPlatform, places: Places) {
    yield* lease
    const time = yield* now
    const enter = Effect.gen(function* () {
      const chosen = yield* choose(root, reference, platform, places)
      if (chosen?.isWhole !== true) return false
      const form = formOf(places)
      // What was made of a layer may not be what this image says that it is.
      if (!isPart(form) && !chosen.isProven) return false
      yield* enterForm(chosen.manifestId, form, time)
      const forms = yield* formRows(chosen.manifestId)
      const key = (yield* recordsOf(reference)).find(({ manifest }) => manifest === chosen.image.manifestDigest)
      // A power cut may have lost the record.
      if (key !== undefined) yield* Effect.option(keepForms(root, reference, key, forms))
      return true
    })
    return yield* database
      .transaction("use", enter)
      .pipe(Effect.catch((reason) => (isReadOnly(reason) ? Effect.succeed(true) : Effect.fail(reason))))
  }, Effect.scoped)

  /** `false` if the image was removed meanwhile. */
  const use = Effect.fnUntraced(function* (reference: string, lastUsed: string) {
    const millis = yield* Clock.currentTimeMillis
    // A time in the future comes from a clock that was set back since.
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
    verify: findMissing(root, database, options),
    inspect: (reference: string) => database.read("inspect", detail(root, reference, options)),

    find: Effect.fnUntraced(function* (reference: string, platform: RecordedPlatform, part?: string) {
      const places = pathsOf(part)
      const chosen = yield* database.read("find", choose(root, reference, platform, places))
      if (chosen?.isWhole !== true) return Option.none<PulledImage>()
      const isOurs = chosen.forms.some(isSame(formOf(places))) || (yield* adopt(reference, platform, places))
      return isOurs && (yield* use(reference, chosen.lastUsed)) ? Option.some(chosen.image) : Option.none<PulledImage>()
    }),

    record: Effect.fnUntraced(function* (image: ImageRecord, reused: Reused, part?: string) {
      const time = yield* now
      const places = pathsOf(part)
      const query = Effect.gen(function* () {
        const { moved, manifestId } = yield* enterImage(image, [formOf(places)], reused, time)
        if (moved) yield* forgetLayers
        // Before the rows are committed: after a crash in between, all layers of the record are there.
        yield* keepImage(root, image, yield* formRows(manifestId), time)
        const chosen = yield* choose(root, image.reference, image.platform, places)
        return { chosen, records: yield* recordsOf(image.reference) }
      })
      // Synced once for all layers: each sync makes a journaling file system write thousands of new files, and everyone
      // who creates files waits.
      yield* ifMissing(syncDirectory(layersDir))
      // If older records cannot be removed now, the next clean-up removes them.
      const { chosen } = yield* database.transaction("record", query, ({ records }) =>
        Effect.ignore(keepRecords(root, image.reference, records))
      )
      return chosen === undefined ? yield* Effect.die(new Error("a recorded image cannot be read")) : chosen.image
    })
  }
})

export type OpenCatalogue = Effect.Success<ReturnType<typeof openCatalogue>>
