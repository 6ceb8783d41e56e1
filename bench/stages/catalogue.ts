import { createHash } from "node:crypto"
import { mkdir, stat, writeFile } from "node:fs/promises"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ConfigJson } from "../../src/image/ConfigJson.ts"
import { decodeAs } from "../../src/image/json/decodeAs.ts"
import type { Digest } from "../../src/image/reference/Digest.ts"
import { Catalogue } from "../../src/store/catalogue/Catalogue.ts"
import { enterImage } from "../../src/store/catalogue/enterImage.ts"
import { SqlClient } from "../../src/store/database/Sql.ts"
import { openSqlJs } from "../../src/store/database/SqlJs.ts"
import { emptyDatabase } from "../../src/store/database/schema/emptyDatabase.ts"
import type { ImageRecord, RecordedDocument } from "../../src/store/records/ImageRecord.ts"
import { storeLayer } from "../../src/store/Store.ts"
import { Trees } from "../../src/store/trees/Trees.ts"
import type { Bench } from "../Bench.ts"
import { timed } from "../Bench.ts"
import { type Figure, figure } from "../measure/Figure.ts"
import { spread } from "../measure/statistics.ts"

export const question = "How do recording, finding and listing images grow with the catalogue?"

const platform = { os: "linux", architecture: "amd64" }
const layersOfEach = 8
const page = 50
export const sizes = [100, 1_000, 10_000]

const document = (mediaType: string, value: unknown): RecordedDocument => {
  const bytes = Buffer.from(JSON.stringify(value))
  return { digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`, mediaType, bytes }
}

/** Each has a manifest, a config and layers of its own. */
const record = (index: number): ImageRecord => {
  const layers = Array.from({ length: layersOfEach }, (_, layer) => ({
    digest: `sha256:${createHash("sha256").update(`${index}.${layer}`).digest("hex")}`,
    diffId: `sha256:${createHash("sha256").update(`${index}.${layer}.tar`).digest("hex")}`,
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    size: 1_000_000
  }))
  const value = {
    ...platform,
    created: "2026-01-01T00:00:00Z",
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map((_, layer) => ({ created_by: `/bin/sh -c make layer ${layer} of image ${index}` }))
  }
  const config = {
    ...document("application/vnd.oci.image.config.v1+json", value),
    value: Effect.runSync(decodeAs(ConfigJson, value))
  }
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

/** A catalogue that grows in memory: thousands of commits to a disk would take longer than all that is measured. */
const growing = Effect.gen(function* () {
  const { client, export: bytes } = yield* openSqlJs(yield* emptyDatabase)
  let size = 0
  const now = "2026-01-01T00:00:00.000Z"
  return (goal: number) =>
    Effect.gen(function* () {
      while (size < goal) yield* enterImage(record(size++), [{ kind: "extracted", variant: "" }], new Map(), now)
    }).pipe(client.withTransaction, Effect.provideService(SqlClient, client), Effect.map(bytes))
})

/** Milliseconds of each of several goes. */
const times = <E>(count: number, once: (at: number) => Effect.Effect<unknown, E>) =>
  Effect.gen(function* () {
    const context = yield* Effect.context<never>()
    const taken: Array<number> = []
    for (let at = 0; at < count; at++) {
      taken.push(yield* Effect.promise(() => timed(() => Effect.runPromiseWith(context)(once(at)))))
    }
    return spread(taken)
  })

const opened = (root: string) =>
  Effect.map(Layer.build(storeLayer({ root })), (context) => ({
    trees: Context.get(context, Trees),
    catalogue: Context.get(context, Catalogue)
  }))
type OpenStore = Effect.Success<ReturnType<typeof opened>>

const measured = (root: string, goal: number, rounds: number) =>
  Effect.gen(function* () {
    const [one, two] = [yield* opened(root), yield* opened(root)]
    const enter = (store: OpenStore, index: number) =>
      Effect.gen(function* () {
        const image = record(index)
        for (const { digest } of image.layers) {
          yield* Effect.promise(() => mkdir(store.trees.layerPath(digest as Digest), { recursive: true }))
        }
        yield* store.catalogue.record(image)
      })
    const find = (store: OpenStore, index: number) => store.catalogue.find(record(index).reference, platform)
    // Each store reads the file once before the clock runs, and the file has been written twice.
    yield* enter(one, goal)
    yield* enter(two, goal + 1)
    const among = `among ${goal}`
    return [
      figure(`record an image, ${among}`, "ms", yield* times(rounds, (at) => enter(two, goal + 2 + at))),
      figure(
        `record an image, after another process, ${among}`,
        "ms",
        yield* times(rounds, (at) => enter(at % 2 === 0 ? one : two, goal + 2 + rounds + at))
      ),
      figure(`find an image, ${among}`, "ms", yield* times(rounds, (at) => find(two, goal + at))),
      figure(
        `find an image, in a new process, ${among}`,
        "ms",
        yield* times(rounds, () => Effect.scoped(Effect.flatMap(opened(root), (store) => find(store, goal))))
      ),
      figure(
        `list ${page} images, ${among}`,
        "ms",
        yield* times(rounds, () => two.catalogue.images({ limit: page, after: record(goal >> 1).reference }))
      )
    ]
  }).pipe(Effect.scoped)

const asked = (bench: Bench) =>
  Effect.gen(function* () {
    const disk = yield* Effect.promise(() => bench.disk())
    const grow = yield* growing
    const figures: Array<Figure> = []
    for (const goal of bench.options.quick ? [10] : sizes) {
      const root = yield* Effect.promise(() => disk.fresh())
      const bytes = yield* grow(goal)
      yield* Effect.promise(() => mkdir(root).then(() => writeFile(`${root}/oci.db`, bytes)))
      figures.push(...(yield* measured(root, goal, bench.rounds(10))))
      const { size } = yield* Effect.promise(() => stat(`${root}/oci.db`))
      figures.push({ what: `the catalogue's file, ${goal} images`, value: size / 1e6, unit: "MB" })
      yield* Effect.promise(() => disk.remove(root))
    }
    return figures
  })

/** What is told of each size of the catalogue, as one line of a plot. */
export const told = [
  "record an image",
  "record an image, after another process",
  "find an image, in a new process",
  `list ${page} images`
]

export const run = (bench: Bench): Promise<ReadonlyArray<Figure>> => Effect.runPromise(asked(bench))
