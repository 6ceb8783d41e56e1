import { createHash } from "node:crypto"
import { mkdir } from "node:fs/promises"
import * as Effect from "effect/Effect"
import type { Digest } from "../../src/reference/Digest.ts"
import type { ImageRecord, RecordedDocument } from "../../src/store/ImageRecord.ts"
import { Store } from "../../src/store/Store.ts"
import type { Bench } from "../Bench.ts"
import { timed } from "../Bench.ts"
import { type Figure, figure } from "../measure/Figure.ts"
import { spread } from "../measure/statistics.ts"

export const question = "How do writing and finding an image grow with the catalogue?"

const platform = { os: "linux", architecture: "amd64" }

const document = (mediaType: string, value: unknown): RecordedDocument => {
  const bytes = Buffer.from(JSON.stringify(value))
  return { digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`, mediaType, bytes }
}

/** Each has a manifest, a config and three layers of its own. */
const record = (index: number): ImageRecord => {
  const layers = [0, 1, 2].map((layer) => ({
    digest: `sha256:${createHash("sha256").update(`${index}.${layer}`).digest("hex")}`,
    diffId: `sha256:${createHash("sha256").update(`${index}.${layer}.tar`).digest("hex")}`,
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    size: 1_000_000
  }))
  const config = document("application/vnd.oci.image.config.v1+json", {
    ...platform,
    created: "2026-01-01T00:00:00Z",
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map((_, layer) => ({ created_by: `/bin/sh -c make layer ${layer} of image ${index}` }))
  })
  const manifest = document("application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    config: { mediaType: config.mediaType, digest: config.digest, size: config.bytes.length },
    layers: layers.map(({ diffId: _, ...layer }) => layer)
  })
  return {
    reference: `bench.example/image-${index}:latest`,
    digest: manifest.digest,
    platform,
    manifest,
    config,
    layers
  }
}

const measured = (bench: Bench) =>
  Effect.gen(function* () {
    const store = yield* Store
    const context = yield* Effect.context<never>()
    const time = (effect: Effect.Effect<unknown, unknown>) =>
      Effect.promise(() => timed(() => Effect.runPromiseWith(context)(effect)))
    const figures: Array<Figure> = []
    let size = 0
    const enter = function* (index: number) {
      const image = record(index)
      for (const { digest } of image.layers) {
        yield* Effect.promise(() => mkdir(store.layerPath(digest as Digest), { recursive: true }))
      }
      return yield* time(store.record(image))
    }
    for (const goal of bench.options.quick ? [10] : [10, 100, 1000]) {
      while (size < goal) yield* enter(size++)
      const writes: Array<number> = []
      const finds: Array<number> = []
      for (let i = 0; i < 10; i++) {
        writes.push(yield* enter(size++))
        finds.push(yield* time(store.find(record(i).reference, platform)))
      }
      figures.push(
        figure(`record an image among ${goal}`, "ms", spread(writes)),
        figure(`find an image among ${goal}`, "ms", spread(finds))
      )
    }
    return figures
  })

export const run = async (bench: Bench): Promise<ReadonlyArray<Figure>> => {
  const disk = await bench.disk()
  const root = await disk.fresh()
  const figures = await Effect.runPromise(measured(bench).pipe(Effect.provide(Store.layer({ root }))))
  await disk.remove(root)
  return figures
}
