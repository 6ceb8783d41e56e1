/** A store in a directory of its own, and images made up for it. */
import { createHash } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ConfigJson } from "../../src/image/ConfigJson.ts"
import { decodeAs } from "../../src/image/json/decodeAs.ts"
import { parseJson } from "../../src/image/json/parseJson.ts"
import { type Digest, isDigest } from "../../src/image/reference/Digest.ts"
import { Blobs } from "../../src/store/blobs/Blobs.ts"
import { Catalogue } from "../../src/store/catalogue/Catalogue.ts"
import { Directories } from "../../src/store/directories/Directories.ts"
import { Locks } from "../../src/store/locks/Locks.ts"
import type { ImageRecord, RecordedLayer } from "../../src/store/records/ImageRecord.ts"
import { type StoreOptions, storeLayer } from "../../src/store/Store.ts"
import { Staging } from "../../src/store/trees/Staging.ts"
import { Trees } from "../../src/store/trees/Trees.ts"
import { Upkeep } from "../../src/store/upkeep/Upkeep.ts"

export const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "ociflow-store-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

export const open = (options: StoreOptions) =>
  Effect.map(Layer.build(storeLayer(options)), (context) => {
    const { root, layersDir } = Context.get(context, Directories)
    const catalogue = Context.get(context, Catalogue)
    return {
      context,
      root,
      layersDir,
      database: catalogue.path,
      locks: Context.get(context, Locks),
      staging: Context.get(context, Staging),
      trees: Context.get(context, Trees),
      blobs: Context.get(context, Blobs),
      catalogue,
      upkeep: Context.get(context, Upkeep)
    }
  })

/** A store's services by name. */
export type OpenStore = Effect.Success<ReturnType<typeof open>>

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

/** As a pull does: what is null is left out. */
const decodeConfig = (value: unknown) =>
  Effect.runSync(Effect.flatMap(parseJson(Buffer.from(JSON.stringify(value))), (json) => decodeAs(ConfigJson, json)))

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
  const configValue = { ...platform, config, rootfs }
  const configDocument = {
    ...document("application/vnd.oci.image.config.v1+json", configValue),
    value: decodeConfig(configValue)
  }
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
export const publishLayers = (store: OpenStore, image: ImageRecord) =>
  Effect.forEach(
    new Set(image.layers.map(({ digest }) => digest)),
    Effect.fnUntraced(function* (digest) {
      if (!isDigest(digest)) return yield* Effect.die("not a digest")
      const staging = yield* store.staging.stage
      yield* Effect.promise(() => writeFile(join(staging, "file"), digest))
      yield* store.trees.publish(staging, store.trees.layerPath(digest))
    }, Effect.scoped),
    { discard: true }
  )

/** Layers, then the image's row. */
export const pullInto = Effect.fnUntraced(function* (store: OpenStore, ingredients: Ingredients = {}) {
  const image = imageOf(ingredients)
  yield* publishLayers(store, image)
  return yield* store.catalogue.record(image)
})
