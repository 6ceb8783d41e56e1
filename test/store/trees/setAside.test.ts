/** A tree that is to be made anew gives its name away, unless somebody needs it; and comes back if nothing takes its place. */
import { readdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import { it } from "../../support/effect.ts"
import { directory, imageOf, layerOf, type OpenStore, open, publishLayers, pullInto } from "../fixtures.ts"

const { digest } = layerOf("a")

const pulled = Effect.gen(function* () {
  const store = yield* open({ root: yield* directory })
  yield* pullInto(store, { layers: ["a"] })
  const path = store.trees.layerPath(digest)
  yield* Effect.promise(() => writeFile(`${path}.stat`, "beside"))
  return { store, tree: { digest, path } }
})

const there = (store: OpenStore) =>
  Effect.promise(async () => (await readdir(store.layersDir)).filter((name) => name !== ".staging").sort())
const staged = (store: OpenStore) =>
  Effect.promise(async () =>
    (await readdir(join(store.layersDir, ".staging"), { recursive: true })).filter((name) => name.includes("/"))
  )
const tree = [`${digest}.extracted`, `${digest}.extracted.stat`]

describe("setAside", () => {
  it.effect(
    "takes the tree, and what is beside it, and puts both back after a failure, where nothing took their place",
    () =>
      Effect.gen(function* () {
        const { store, tree: it } = yield* pulled
        yield* Effect.exit(
          Effect.scoped(
            Effect.gen(function* () {
              expect(yield* store.trees.setAside(it)).toBe(true)
              expect(yield* there(store)).toEqual([])
              return yield* Effect.fail("the pull failed")
            })
          )
        )
        expect(yield* there(store)).toEqual(tree)
        expect(yield* Effect.promise(() => readFile(join(it.path, "file"), "utf8"))).toBe(digest)
        expect(yield* staged(store)).toEqual([])
      })
  )

  it.effect("removes both after a success: its images have the tree of another blob", () =>
    Effect.gen(function* () {
      const { store, tree: it } = yield* pulled
      expect(yield* Effect.scoped(store.trees.setAside(it))).toBe(true)
      expect(yield* there(store)).toEqual([])
      expect(yield* staged(store)).toEqual([])
    })
  )

  it.effect("removes the tree where another has its name by now", () =>
    Effect.gen(function* () {
      const { store, tree: it } = yield* pulled
      yield* Effect.promise(() => writeFile(join(it.path, "old"), ""))
      yield* Effect.scoped(
        Effect.gen(function* () {
          expect(yield* store.trees.setAside(it)).toBe(true)
          yield* publishLayers(store, imageOf({ layers: ["a"] }))
        })
      )
      expect(yield* there(store)).toEqual([tree[0]])
      expect(yield* Effect.promise(() => readdir(it.path))).toEqual(["file"])
      expect(yield* staged(store)).toEqual([])
    })
  )

  it.effect("takes nothing while a pull is running, or somebody holds the tree, in whatever process", () =>
    Effect.gen(function* () {
      const { store, tree: it } = yield* pulled
      const other = yield* open({ root: store.root })
      for (const busy of [other.locks.lease, other.locks.hold([digest])]) {
        const taken = Effect.gen(function* () {
          yield* busy
          return yield* store.trees.setAside(it)
        })
        expect(yield* Effect.scoped(taken)).toBe(false)
        expect(yield* there(store)).toEqual(tree)
      }
      expect(yield* Effect.scoped(store.trees.setAside(it))).toBe(true)
    })
  )

  it.effect("of a tree that is gone leaves everything as it is, after a failure", () =>
    Effect.gen(function* () {
      const { store, tree: it } = yield* pulled
      yield* Effect.promise(() => rm(it.path, { recursive: true }))
      yield* Effect.exit(Effect.scoped(Effect.andThen(store.trees.setAside(it), Effect.fail("the pull failed"))))
      expect(yield* there(store)).toEqual([tree[1]])
    })
  )
})
