/** A tree that could not be moved away, and is marked instead, is not there; what a dead process left so is finished. */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { describe, expect } from "vitest"
import { it } from "../../support/effect.ts"
import { directory, imageOf, layerOf, type OpenStore, open, publishLayers, pullInto } from "../fixtures.ts"

const a = { reference: "e.org/a:1", layers: ["base", "a"], version: "a" }
const amd64 = { os: "linux", architecture: "amd64" }
const { digest } = layerOf("a")
const marks = (store: OpenStore) => join(store.layersDir, ".gone")
const there = (store: OpenStore) =>
  Effect.promise(async () => (await readdir(store.layersDir)).filter((name) => name !== ".staging").sort())

/** As a process leaves it that dies while it removes the tree. */
const halfGone = Effect.gen(function* () {
  const store = yield* open({ root: yield* directory })
  yield* pullInto(store, a)
  yield* Effect.promise(async () => {
    await mkdir(marks(store))
    await writeFile(join(marks(store), `${digest}.extracted`), "")
    await rm(join(store.trees.layerPath(digest), "file"))
    await writeFile(`${store.trees.layerPath(digest)}.stat`, "old")
  })
  return store
})

describe("a tree that is marked", () => {
  it.effect("is not there, for every part of the store that asks", () =>
    Effect.gen(function* () {
      const store = yield* halfGone
      expect(yield* store.trees.hasLayer(digest)).toBe(false)
      expect(Option.isNone(yield* store.catalogue.find(a.reference, amd64))).toBe(true)
      expect(yield* store.upkeep.verify).toMatchObject([{ digest, problem: "the layer's directory is missing" }])
      yield* Effect.promise(() => rm(store.database))
      expect(yield* (yield* open({ root: store.root })).catalogue.images()).toEqual([])
    })
  )
  it.effect("gives way to one that is published, with all that belonged to it", () =>
    Effect.gen(function* () {
      const store = yield* halfGone
      yield* publishLayers(store, imageOf(a))
      expect(yield* there(store)).toEqual([`${digest}.extracted`, `${layerOf("base").digest}.extracted`].sort())
      expect(yield* Effect.promise(() => readdir(store.trees.layerPath(digest)))).toEqual(["file"])
      expect(yield* store.upkeep.verify).toEqual([])
    })
  )
  it.effect("goes with the next cleaning up, and the mark with it; not while somebody makes it anew", () =>
    Effect.gen(function* () {
      const store = yield* halfGone
      yield* Effect.scoped(Effect.andThen(store.locks.hold([digest]), store.upkeep.prune()))
      expect(yield* there(store)).toContain(`${digest}.extracted`)
      expect((yield* store.upkeep.prune()).layers.map((layer) => layer.digest)).toEqual([digest])
      expect(yield* there(store)).toEqual([`${layerOf("base").digest}.extracted`])
      yield* pullInto(store, a)
      expect(yield* store.upkeep.verify).toEqual([])
    })
  )
})
