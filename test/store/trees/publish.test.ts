/** A tree that nothing proves gives its name to one that was just proven, unless somebody uses it. */
import { readdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect } from "vitest"
import { unlessHeld } from "../../../src/store/locks/Holds.ts"
import { it } from "../../support/effect.ts"
import { directory, imageOf, layerOf, type OpenStore, open, publishLayers } from "../fixtures.ts"

const { digest } = layerOf("a")

/** Stages another tree, and puts it in the place of the one that is there. */
const replace = (store: OpenStore) =>
  Effect.gen(function* () {
    const staged = yield* store.staging.stage
    yield* Effect.promise(() => writeFile(join(staged, "new"), ""))
    return yield* store.trees.replace(staged, { digest, path: store.trees.layerPath(digest) })
  }).pipe(Effect.scoped)

const filesOf = (store: OpenStore) => Effect.promise(() => readdir(store.trees.layerPath(digest)))

const published = Effect.gen(function* () {
  const store = yield* open({ root: yield* directory })
  yield* publishLayers(store, imageOf({ layers: ["a"] }))
  return store
})

describe("a tree that is replaced", () => {
  it.effect("is the new one, and nothing of the old one is left", () =>
    Effect.gen(function* () {
      const store = yield* published
      expect(yield* replace(store)).toBe(true)
      expect(yield* filesOf(store)).toEqual(["new"])
      const staged = yield* Effect.promise(() => readdir(join(store.layersDir, ".staging"), { recursive: true }))
      expect(staged.filter((name) => name.includes("/"))).toEqual([])
    })
  )

  it.effect("stays while somebody holds it, in whatever process", () =>
    Effect.gen(function* () {
      const store = yield* published
      const other = yield* open({ root: store.root })
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* other.locks.hold([digest])
          expect(yield* replace(store)).toBe(false)
          expect(yield* filesOf(store)).toEqual(["file"])
        })
      )
      expect(yield* replace(store)).toBe(true)
    })
  )

  it.live("cannot be held before that is done: a process that asks for it meanwhile waits", () =>
    Effect.gen(function* () {
      const store = yield* published
      const other = yield* open({ root: store.root })
      const [began, ends] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const work = Effect.andThen(Deferred.succeed(began, undefined), Deferred.await(ends))
      const working = yield* Effect.forkChild(unlessHeld(store.root, digest, work))
      yield* Deferred.await(began)
      const holding = yield* Effect.forkChild(Effect.scoped(other.locks.hold([digest])))
      yield* Effect.sleep(100)
      expect(holding.pollUnsafe()).toBeUndefined()
      yield* Deferred.succeed(ends, undefined)
      yield* Fiber.join(working)
      yield* Fiber.join(holding)
      // And while one works, another finds that it cannot.
      expect(yield* unlessHeld(store.root, digest, unlessHeld(store.root, digest, Effect.succeed(1)))).toBeUndefined()
    })
  )
})
