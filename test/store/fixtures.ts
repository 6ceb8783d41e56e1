/** A store in a directory of its own, and images made up for it. */
import { createHash } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Digest, isDigest } from "../../src/image/reference/Digest.ts"
import type { ImageRecord, RecordedLayer } from "../../src/store/catalogue/ImageRecord.ts"
import { Store, type StoreOptions } from "../../src/store/Store.ts"

export const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "ociflow-store-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

export const open = (options: StoreOptions) =>
  Effect.map(Layer.build(Store.layer(options)), (context) => Context.get(context, Store))

export const digestOf = (bytes: string | Uint8Array): Digest => {
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`
  if (!isDigest(digest)) throw new Error("not a digest")
  return digest
}

export const layerOf = (name: string): RecordedLayer & { readonly digest: Digest } => ({
  digest: digestOf(`blob ${name}`),
  diffId: digestOf(`tar ${name}`),
  mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
  size: 1000 + name.length
})

const document = (mediaType: string, value: unknown) => {
  const bytes = new TextEncoder().encode(JSON.stringify(value))
  return { digest: digestOf(bytes), mediaType, bytes }
}

export interface Ingredients {
  readonly reference?: string
  readonly layers?: ReadonlyArray<string>
  readonly architecture?: string
  readonly variant?: string
  readonly indexed?: boolean
  /** Distinguishes one index from another. */
  readonly version?: string
  readonly config?: Record<string, unknown>
}

export const imageOf = (ingredients: Ingredients = {}): ImageRecord => {
  const { reference = "docker.io/library/alpine:3", layers = ["a"], architecture = "amd64", variant } = ingredients
  const { indexed = true, version = "1", config = { Env: ["A=1"] } } = ingredients
  const made = layers.map(layerOf)
  const platform = { os: "linux", architecture, ...(variant === undefined ? {} : { variant }) }
  const rootfs = { type: "layers", diff_ids: made.map(({ diffId }) => diffId) }
  const configDocument = document("application/vnd.oci.image.config.v1+json", { ...platform, config, rootfs })
  const manifest = document("application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    config: { digest: configDocument.digest },
    layers: made,
    annotations: { version }
  })
  const index = document("application/vnd.oci.image.index.v1+json", { schemaVersion: 2, annotations: { version } })
  return {
    reference,
    digest: indexed ? index.digest : manifest.digest,
    platform,
    ...(indexed ? { index } : {}),
    manifest,
    config: configDocument,
    layers: made
  }
}

/** Publishes every layer of an image, with one file in each. */
export const publishLayers = (store: Store["Service"], image: ImageRecord) =>
  Effect.forEach(
    new Set(image.layers.map(({ digest }) => digest)),
    Effect.fnUntraced(function* (digest) {
      if (!isDigest(digest)) return yield* Effect.die("not a digest")
      const staging = yield* store.stage(digest)
      yield* Effect.promise(() => writeFile(join(staging, "file"), digest))
      yield* store.publish(staging, digest)
    }, Effect.scoped),
    { discard: true }
  )

/** Layers, then the image's row. */
export const pullInto = Effect.fnUntraced(function* (store: Store["Service"], ingredients: Ingredients = {}) {
  const image = imageOf(ingredients)
  yield* publishLayers(store, image)
  return yield* store.record(image)
})
