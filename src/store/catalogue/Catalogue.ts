/**
 * The store's memory: which images were pulled, and of what they are made. Loaded with the database engine at the first
 * question; importing ociflow, or opening a store that is never asked, does not pay for it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { SqlClient } from "effect/sql/SqlClient"
import type { Emit, PulledImage } from "../../api/events.ts"
import { ifMissing } from "../../fs/syscall.ts"
import { syncDirectory } from "../../fs/writeAtomic.ts"
import { openDatabase } from "../database/Database.ts"
import { isAmong, type Places } from "../Places.ts"
import { listTrees } from "../trees/needs.ts"
import { keepImage, keptImages } from "./Documents.ts"
import { choose, detail, isComplete, summarize } from "./describe.ts"
import { enterImage } from "./enterImage.ts"
import { freshness } from "./freshness.ts"
import type { ImageRecord, ListOptions, RecordedPlatform } from "./ImageRecord.ts"
import { verify } from "./verify.ts"

export interface CatalogueOptions extends Places {
  readonly root: string
  readonly path: string
  readonly lockPath: string
  readonly emit: Emit
}

const iso = (millis: number) => new Date(millis).toISOString()
const now = Effect.map(Clock.currentTimeMillis, iso)

export const openCatalogue = Effect.fnUntraced(function* (options: CatalogueOptions) {
  const { root, layersDir } = options

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
    const trees = yield* listTrees(layersDir)
    let found = 0
    for (const image of yield* keptImages(root)) {
      if (!isAmong(trees, image.manifest.digest, image.layers)) continue
      // Two records may contradict each other; the first stands.
      const entered = yield* Effect.option(sql.withTransaction(enterImage(image, time)))
      if (Option.isSome(entered)) found += 1
    }
    return found
  })

  const database = yield* openDatabase({ ...options, rebuild })

  /** `false` where the image was forgotten meanwhile. */
  const use = Effect.fnUntraced(function* (reference: string, lastUsed: string) {
    const millis = yield* Clock.currentTimeMillis
    if (millis - Date.parse(lastUsed) < freshness) return true
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
      return (yield* use(reference, chosen.lastUsed)) ? Option.some(chosen.image) : Option.none<PulledImage>()
    }),

    record: Effect.fnUntraced(function* (image: ImageRecord) {
      const time = yield* now
      const query = Effect.gen(function* () {
        const { moved, alone } = yield* enterImage(image, time)
        if (moved) yield* forgetLayers
        // Before the rows are final: a crash in between leaves a record of layers that are all there.
        yield* keepImage(root, image, alone)
        return yield* choose(image.reference, image.platform, options)
      })
      // Once for all layers: each time, a journal has thousands of new files to write, and whoever makes more of them waits.
      yield* ifMissing(syncDirectory(layersDir))
      const chosen = yield* database.transaction("record", query)
      return chosen === undefined ? yield* Effect.die(new Error("a recorded image cannot be read")) : chosen.image
    })
  }
})

export type Catalogue = Effect.Success<ReturnType<typeof openCatalogue>>
