/** What still needs space, on a disk that has none. */
import * as Effect from "effect/Effect"
import { expect } from "vitest"
import { isDigest } from "../../src/image/reference/Digest.ts"
import { preflight } from "../../src/pull/preflight.ts"
import { Trees } from "../../src/store/trees/Trees.ts"
import { directory, imageOf, layerOf, type OpenStore, open, publishLayers } from "../store/fixtures.ts"
import { it } from "../support/effect.ts"

const layers = [layerOf("a"), layerOf("b")]
const manifest = layerOf("manifest").digest
/** Of a store whose disk is full. */
const look = ({ trees }: OpenStore) =>
  preflight(layers, "refuse", { manifest, isRemote: true }).pipe(
    Effect.provideService(Trees, { ...trees, freeSpace: Effect.succeed(0) })
  )

it.effect("layers that are there need no space", () =>
  Effect.gen(function* () {
    const store = yield* open({ root: yield* directory })
    yield* publishLayers(store, imageOf({ layers: ["a"] }))
    expect(yield* Effect.flip(look(store))).toMatchObject({ _tag: "NotEnoughSpace", needed: layers[1]?.size })
    yield* publishLayers(store, imageOf({ layers: ["b"] }))
    yield* look(store)
  })
)

it.effect("nor does a layer whose archive is there from another blob", () =>
  Effect.gen(function* () {
    const store = yield* open({ root: yield* directory })
    yield* publishLayers(store, imageOf({ layers: ["a", "other"] }))
    const { digest, path } = { digest: layerOf("other").digest, path: store.trees.layerPath(layerOf("other").digest) }
    const [, b] = layers
    if (b === undefined || !isDigest(b.diffId)) return expect.unreachable()
    yield* store.trees.proofs.keep(digest, b.diffId)
    expect(yield* Effect.flip(look(store))).toMatchObject({ _tag: "NotEnoughSpace", needed: b.size })
    yield* store.trees.fingerprints.keep(path, `a:${"0".repeat(64)}`)
    yield* look(store)
  })
)

it.effect("of a merged image all of it needs space until it is there as a whole", () =>
  Effect.gen(function* () {
    const store = yield* open({ root: yield* directory, merged: true })
    yield* publishLayers(store, imageOf({ layers: ["a", "b"] }))
    const needed = layers.reduce((sum, { size }) => sum + size, 0)
    expect(yield* Effect.flip(look(store))).toMatchObject({ _tag: "NotEnoughSpace", needed })
    yield* Effect.scoped(
      Effect.flatMap(store.staging.stage, (staged) => store.trees.publish(staged, store.trees.rootfsPath(manifest)))
    )
    yield* look(store)
  })
)

for (const variant of ["erofs", `erofs-part-${"a".repeat(32)}`])
  it.effect(`a disk image (${variant}) needs it twice from a registry: the blobs stay until it is whole`, () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory, merged: true, variant })
      const size = layers.reduce((sum, layer) => sum + layer.size, 0)
      const lookAt = (available: number, isRemote = true) =>
        preflight(layers, "refuse", { manifest, isRemote }).pipe(
          Effect.provideService(Trees, { ...store.trees, freeSpace: Effect.succeed(available) })
        )
      const [needed, available] = [2 * size, 2 * size - 1]
      expect(yield* Effect.flip(lookAt(available))).toMatchObject({ _tag: "NotEnoughSpace", needed, available })
      yield* lookAt(needed)
      yield* lookAt(size, false)
    })
  )
