/** What still needs space, on a disk that has none. */
import * as Effect from "effect/Effect"
import { expect } from "vitest"
import { preflight } from "../../src/pull/preflight.ts"
import type { Store } from "../../src/store/Store.ts"
import { directory, imageOf, layerOf, open, publishLayers } from "../store/fixtures.ts"
import { it } from "../support/effect.ts"

const layers = [layerOf("a"), layerOf("b")]
const full = (store: Store["Service"]): Store["Service"] => ({ ...store, freeSpace: Effect.succeed(0) })
const manifest = layerOf("manifest").digest

it.effect("layers that are there need no space", () =>
  Effect.gen(function* () {
    const store = full(yield* open({ root: yield* directory }))
    const look = preflight(store, layers, "refuse", () => {}, manifest)
    yield* publishLayers(store, imageOf({ layers: ["a"] }))
    expect(yield* Effect.flip(look)).toMatchObject({ _tag: "NotEnoughSpace", needed: layers[1]?.size })
    yield* publishLayers(store, imageOf({ layers: ["b"] }))
    yield* look
  })
)

it.effect("of a merged image all of it needs space until it is there as a whole", () =>
  Effect.gen(function* () {
    const store = full(yield* open({ root: yield* directory, merged: true }))
    const look = preflight(store, layers, "refuse", () => {}, manifest)
    yield* publishLayers(store, imageOf({ layers: ["a", "b"] }))
    const needed = layers.reduce((sum, { size }) => sum + size, 0)
    expect(yield* Effect.flip(look)).toMatchObject({ _tag: "NotEnoughSpace", needed })
    yield* Effect.scoped(Effect.flatMap(store.stage(manifest), (it) => store.publishRootfs(it, manifest)))
    yield* look
  })
)
