import { readdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { describe, expect } from "vitest"
import { it } from "../../support/effect.ts"
import { directory, imageOf, layerOf, type OpenStore, open, pullInto } from "../fixtures.ts"
import { start } from "../process.ts"

const trees = (store: OpenStore) =>
  Effect.promise(async () => (await readdir(store.layersDir)).filter((name) => name.endsWith(".extracted")).sort())
const named = (...names: ReadonlyArray<string>) => names.map((name) => `${layerOf(name).digest}.extracted`).sort()
const digestsOf = (how: Parameters<typeof imageOf>[0]) => {
  const { manifest, layers } = imageOf(how)
  return [manifest.digest, ...layers.map(({ digest }) => digest)]
}
const a = { reference: "e.org/a:1", layers: ["base", "a"], version: "a" }
const b = { reference: "e.org/b:1", layers: ["base", "b"], version: "b" }

describe("an image that another process holds", () => {
  it.live(
    "keeps its layers when its name is removed, until that process is killed",
    () =>
      Effect.gen(function* () {
        const root = yield* directory
        const store = yield* open({ root })
        yield* pullInto(store, a)
        yield* pullInto(store, b)
        const child = yield* start("holdDigests.ts", root, ...digestsOf(a))
        yield* Effect.promise(() => child.says("held"))
        expect(yield* store.upkeep.remove(a.reference)).toMatchObject({
          images: [a.reference],
          layers: [],
          deferred: true
        })
        // What nobody holds goes all the same.
        const removed = yield* store.upkeep.remove(b.reference)
        expect(removed).toMatchObject({ images: [b.reference], layers: [{ digest: layerOf("b").digest }] })
        expect(yield* store.upkeep.prune()).toMatchObject({ layers: [], deferred: true })
        expect(yield* trees(store)).toEqual(named("base", "a"))
        child.process.kill("SIGKILL")
        yield* Effect.promise(() => child.ended)
        expect(yield* store.upkeep.prune()).toMatchObject({ deferred: false })
        expect(yield* trees(store)).toEqual([])
        expect(yield* Effect.promise(() => readdir(join(root, "locks", "held")))).toEqual([])
      }),
    120_000
  )
})

describe("an image that is held", () => {
  it.effect("is not chosen by prune, whatever is asked; another that shares a layer is", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      yield* pullInto(store, a)
      yield* pullInto(store, b)
      const scope = yield* Scope.make()
      yield* Scope.provide(store.locks.hold(digestsOf(a)), scope)
      yield* TestClock.adjust("2 hours")
      for (const how of [{ unusedFor: 1 }, { keepBytes: 0 }]) {
        expect((yield* store.upkeep.prune({ ...how, dryRun: true })).images).toEqual([b.reference])
      }
      expect((yield* store.upkeep.prune({ keepBytes: 0 })).images).toEqual([b.reference])
      expect(yield* trees(store)).toEqual(named("base", "a"))
      yield* Scope.close(scope, Exit.void)
      expect((yield* store.upkeep.prune({ unusedFor: 1 })).images).toEqual([a.reference])
      expect(yield* trees(store)).toEqual([])
    })
  )
  it.effect("may be held by several; the last one counts", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const [store, other] = [yield* open({ root }), yield* open({ root })]
      yield* pullInto(store, a)
      const scopes = [yield* Scope.make(), yield* Scope.make()]
      for (const [at, scope] of scopes.entries()) {
        yield* Scope.provide((at === 0 ? store : other).locks.hold(digestsOf(a)), scope)
      }
      yield* store.upkeep.remove(a.reference)
      for (const scope of scopes) {
        expect(yield* store.upkeep.prune()).toMatchObject({ layers: [], deferred: true })
        yield* Scope.close(scope, Exit.void)
      }
      expect((yield* other.upkeep.prune()).layers).toHaveLength(2)
    })
  )
  it.effect("what a dead one left of its hold is nothing", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      yield* pullInto(store, a)
      yield* Effect.scoped(store.locks.hold(digestsOf(a)))
      const held = join(root, "locks", "held")
      for (const digest of digestsOf(a)) yield* Effect.promise(() => writeFile(join(held, digest), ""))
      expect((yield* store.upkeep.remove(a.reference)).layers).toHaveLength(2)
      expect(yield* Effect.promise(() => readdir(held))).toEqual([])
    })
  )
})

describe("a process that asks which images are held", () => {
  for (const kind of process.platform === "linux" ? ["files", "sockets"] : ["files"]) {
    it.live(
      `takes no hold away from who takes one meanwhile, where locks are ${kind}`,
      () =>
        Effect.gen(function* () {
          const root = yield* directory
          for (const asker of yield* Effect.forEach([1, 2, 3], () => start("queryHolds.ts", root, kind))) {
            yield* Effect.promise(() => asker.says("asking"))
          }
          const holder = yield* start("holdRepeatedly.ts", root, "400", kind)
          yield* Effect.promise(() => holder.ended)
          expect(holder.lines).toEqual(["lost 0"])
        }),
      120_000
    )
  }
})
