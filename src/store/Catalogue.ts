/**
 * The store's memory: which images were pulled, and of what they are made. Loaded with the database engine at the first
 * question; importing ociflow, or opening a store that is never asked, does not pay for it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { SqlClient } from "effect/sql/SqlClient"
import type { Reason } from "../errors.ts"
import type { Emit, PulledImage, PulledLayer } from "../events.ts"
import { openDatabase } from "./Database.ts"
import { keepImage, keptImages } from "./Documents.ts"
import { enterImage } from "./enterImage.ts"
import type { ImageDetails, ImageRecord, ImageSummary, RecordedPlatform } from "./ImageRecord.ts"
import { platformKey, platformText } from "./platformKey.ts"
import {
  configValue,
  type ImageRow,
  imageRows,
  indexRows,
  layerRows,
  type ManifestRow,
  manifestRows
} from "./queries.ts"

export interface CatalogueOptions {
  readonly root: string
  readonly path: string
  readonly lockPath: string
  readonly emit: Emit
  readonly layerPath: (digest: string) => string
  readonly hasLayer: (digest: string) => Effect.Effect<boolean, Reason>
}

/** `last_used_at` is brought up to date when it is older than this, so that repeated use does not rewrite the file. */
const freshness = 60_000

const iso = Effect.map(Clock.currentTimeMillis, (millis) => new Date(millis).toISOString())

const platformOf = ({ platform_os, platform_arch, platform_variant }: ManifestRow): RecordedPlatform => ({
  os: platform_os,
  architecture: platform_arch,
  ...(platform_variant === null ? {} : { variant: platform_variant })
})

const sum = (sizes: Iterable<number>) => [...sizes].reduce((total, size) => total + size, 0)

/** Once each. */
const distinct = (layers: ReadonlyArray<PulledLayer>) => new Map(layers.map((layer) => [layer.digest, layer]))

export const openCatalogue = Effect.fnUntraced(function* (options: CatalogueOptions) {
  const { root, layerPath, hasLayer } = options

  const pulledLayers = (manifestId: number) =>
    Effect.map(layerRows(manifestId), (rows) =>
      rows.map(
        ({ digest, diff_id, media_type, size_bytes }): PulledLayer => ({
          digest,
          diffId: diff_id,
          mediaType: media_type,
          size: size_bytes,
          path: layerPath(digest)
        })
      )
    )

  const isComplete = (layers: ReadonlyArray<PulledLayer>) =>
    Effect.map(Effect.forEach(distinct(layers).keys(), hasLayer, { concurrency: 8 }), (there) => !there.includes(false))

  const pulledImage = Effect.fnUntraced(function* ({ reference, digest }: ImageRow, manifest: ManifestRow) {
    const layers = yield* pulledLayers(manifest.id)
    const image: PulledImage = {
      reference,
      digest,
      manifestDigest: manifest.digest,
      configDigest: manifest.config_digest,
      platform: platformText(platformOf(manifest)),
      size:
        manifest.size_bytes + manifest.config_size_bytes + sum([...distinct(layers).values()].map(({ size }) => size)),
      layers
    }
    return image
  })

  const choose = Effect.fnUntraced(function* (reference: string, platform: RecordedPlatform) {
    const [row] = yield* imageRows(reference)
    if (row === undefined) return undefined
    const key = platformKey(platform)
    const manifests = yield* manifestRows(row.id)
    const chosen =
      manifests.find((it) => it.requested_json.includes(key)) ??
      manifests.find((it) => platformKey(platformOf(it)) === key)
    return chosen === undefined ? undefined : { row, image: yield* pulledImage(row, chosen) }
  })

  /** A layer that no manifest names is remembered as long as its directory is there. */
  const forgetLayers = Effect.gen(function* () {
    const sql = yield* SqlClient
    const orphans = yield* sql<{ id: number; digest: string }>`
      SELECT id, digest FROM layers WHERE id NOT IN (SELECT layer_id FROM manifest_layers)`
    for (const { id, digest } of orphans) {
      if (!(yield* hasLayer(digest))) yield* sql`DELETE FROM layers WHERE id = ${id}`
    }
  })

  const rebuild = Effect.gen(function* () {
    const now = yield* iso
    let found = 0
    for (const image of yield* keptImages(root)) {
      const there = yield* Effect.forEach(image.layers, ({ digest }) => hasLayer(digest))
      if (there.includes(false)) continue
      const sql = yield* SqlClient
      const entered = yield* Effect.option(sql.withTransaction(enterImage(image, now)))
      if (Option.isSome(entered)) found += 1
    }
    return found
  })

  const database = yield* openDatabase({ ...options, rebuild })

  const use = Effect.fnUntraced(function* ({ reference, last_used_at }: ImageRow) {
    const now = yield* Clock.currentTimeMillis
    if (now - Date.parse(last_used_at) < freshness) return
    const time = new Date(now).toISOString()
    const update = Effect.flatMap(
      SqlClient,
      (sql) => sql`UPDATE images SET last_used_at = ${time} WHERE reference = ${reference}`
    )
    // A store that cannot be written to can still be read.
    yield* Effect.ignore(database.transaction("use", update))
  })

  const find = Effect.fnUntraced(function* (reference: string, platform: RecordedPlatform) {
    const chosen = yield* database.read("find", choose(reference, platform))
    if (chosen === undefined || !(yield* isComplete(chosen.image.layers))) return Option.none<PulledImage>()
    yield* use(chosen.row)
    return Option.some(chosen.image)
  })

  const record = Effect.fnUntraced(function* (image: ImageRecord) {
    const now = yield* iso
    const query = Effect.gen(function* () {
      const { moved } = yield* enterImage(image, now)
      if (moved) yield* forgetLayers
      // Before the rows are final: a crash in between leaves a record of layers that are all there.
      yield* keepImage(root, image, moved)
      return yield* choose(image.reference, image.platform)
    })
    const entered = yield* database.transaction("record", query)
    return entered === undefined ? yield* Effect.die(new Error("a recorded image cannot be read")) : entered.image
  })

  const summary = (
    { reference, digest, size_bytes, modified_at, last_used_at }: ImageRow,
    manifests: ReadonlyArray<ManifestRow>
  ) => {
    const created = manifests
      .flatMap((it) => (it.created === null ? [] : [it.created]))
      .sort()
      .at(-1)
    return {
      reference,
      digest,
      size: size_bytes,
      pulled: modified_at,
      lastUsed: last_used_at,
      ...(created === undefined ? {} : { created })
    }
  }

  const images = database.read(
    "images",
    Effect.gen(function* () {
      const summaries: Array<ImageSummary> = []
      for (const row of yield* imageRows(undefined)) {
        const manifests = yield* manifestRows(row.id)
        const layers = yield* Effect.forEach(manifests, ({ id }) => pulledLayers(id))
        const platforms = manifests.map((it) => platformText(platformOf(it))).sort()
        summaries.push({ ...summary(row, manifests), platforms, layers: distinct(layers.flat()).size })
      }
      return summaries
    })
  )

  const details = Effect.fnUntraced(function* (manifest: ManifestRow) {
    const layers = yield* pulledLayers(manifest.id)
    return {
      platform: platformText(platformOf(manifest)),
      digest: manifest.digest,
      mediaType: manifest.media_type,
      size: manifest.size_bytes,
      annotations: manifest.annotations_json ?? {},
      config: {
        digest: manifest.config_digest,
        mediaType: manifest.config_media_type,
        value: yield* configValue(manifest.id)
      },
      layers,
      complete: yield* isComplete(layers)
    }
  })

  const inspect = (reference: string) =>
    database.read(
      "inspect",
      Effect.gen(function* () {
        const [row] = yield* imageRows(reference)
        if (row === undefined) return Option.none<ImageDetails>()
        const manifests = yield* manifestRows(row.id)
        const [index] = yield* indexRows(row.id)
        const image: ImageDetails = {
          ...summary(row, manifests),
          ...(index === undefined
            ? {}
            : {
                index: { digest: index.digest, mediaType: index.media_type, annotations: index.annotations_json ?? {} }
              }),
          manifests: yield* Effect.forEach(manifests, details)
        }
        return Option.some(image)
      })
    )

  return { database, find, record, images, inspect }
})

export type Catalogue = Effect.Success<ReturnType<typeof openCatalogue>>
