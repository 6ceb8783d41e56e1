/** Two roots with one directory of layers: the second one is refused, so that neither cleans up what the other needs. */
import { cp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import { it } from "../../support/effect.ts"
import { directory, open, pullInto } from "../fixtures.ts"

const amd64 = { os: "linux", architecture: "amd64" }
const a = "example.org/a:1"

/** What a pull does before it is asked for anything. */
const pulls = (root: string, layersDir?: string) =>
  Effect.gen(function* () {
    const store = yield* open({ root, layersDir })
    yield* Effect.scoped(store.locks.lease)
    yield* pullInto(store, { reference: a })
    return store
  }).pipe(Effect.scoped)

const refused = (owner: string) => ({
  _tag: "InvalidOption",
  option: "layersDir",
  problem: expect.stringContaining(`belongs to the store at ${owner};`)
})

describe("a directory of layers", () => {
  it.effect("refuses another root, whatever that asks, and goes on with its own", () =>
    Effect.gen(function* () {
      const home = yield* directory
      const [first, second, layers] = [join(home, "first"), join(home, "second"), join(home, "trees")]
      yield* pulls(first, layers)
      expect(yield* Effect.flip(pulls(second, layers))).toMatchObject(refused(first))
      const other = yield* open({ root: second, layersDir: layers })
      for (const asked of [
        other.catalogue.images(),
        other.upkeep.prune(),
        other.catalogue.find(a, amd64),
        Effect.scoped(other.staging.stage)
      ])
        expect(yield* Effect.flip(asked as Effect.Effect<unknown, unknown>)).toMatchObject(refused(first))
      expect((yield* Effect.promise(() => readdir(layers))).some((name) => name.endsWith(".extracted"))).toBe(true)
      yield* pulls(first, layers)
    })
  )
  it.effect("in a root is that root's, though it says nothing", () =>
    Effect.gen(function* () {
      const home = yield* directory
      const [first, second] = [join(home, "first"), join(home, "second")]
      yield* pulls(first)
      expect(yield* Effect.flip(pulls(second, join(first, "layers")))).toMatchObject(refused(first))
      expect(yield* Effect.promise(() => readdir(join(first, "layers")))).not.toContain(".root")
    })
  )
  it.effect("that is another's is refused as one's own in the root, too", () =>
    Effect.gen(function* () {
      const home = yield* directory
      const [first, second] = [join(home, "first"), join(home, "second")]
      yield* pulls(first, join(second, "layers"))
      expect(yield* Effect.flip(pulls(second))).toMatchObject(refused(first))
    })
  )
  it.effect("of two that begin at once has one root", () =>
    Effect.gen(function* () {
      const home = yield* directory
      const layers = join(home, "trees")
      const ends = yield* Effect.forEach(
        ["1", "2", "3", "4"],
        (name) => Effect.result(pulls(join(home, name), layers)),
        { concurrency: "unbounded" }
      )
      expect(ends.filter(({ _tag }) => _tag === "Success")).toHaveLength(1)
    })
  )
  it.effect("goes along with a root that is moved, and with one that is made anew in its place", () =>
    Effect.gen(function* () {
      const home = yield* directory
      const [first, moved, layers] = [join(home, "first"), join(home, "moved"), join(home, "trees")]
      yield* pulls(first, layers)
      yield* Effect.promise(() => rename(first, moved))
      yield* pulls(moved, layers)
      expect(JSON.parse(yield* Effect.promise(() => readFile(join(layers, ".root"), "utf8")))).toMatchObject({
        root: moved
      })
      yield* Effect.promise(() => rm(moved, { recursive: true }))
      yield* pulls(moved, layers)
      yield* Effect.promise(() => rm(moved, { recursive: true }))
      yield* pulls(first, layers)
    })
  )
  it.effect("refuses a copy of its root", () =>
    Effect.gen(function* () {
      const home = yield* directory
      const [first, copy, layers] = [join(home, "first"), join(home, "copy"), join(home, "trees")]
      yield* pulls(first, layers)
      yield* Effect.promise(() => cp(first, copy, { recursive: true }))
      expect(yield* Effect.flip(pulls(copy, layers))).toMatchObject(refused(first))
    })
  )
  it.effect("of an earlier version, or with a note that nobody can read, is taken by who comes first", () =>
    Effect.gen(function* () {
      const home = yield* directory
      const [first, second, layers] = [join(home, "first"), join(home, "second"), join(home, "trees")]
      yield* pulls(first, layers)
      for (const [root, other, note] of [
        [second, first, undefined],
        [first, second, "{"]
      ] as const) {
        const path = join(layers, ".root")
        yield* Effect.promise(() => (note === undefined ? rm(path) : writeFile(path, note)))
        yield* pulls(root, layers)
        expect(yield* Effect.flip(pulls(other, layers))).toMatchObject(refused(root))
      }
    })
  )
})

describe("a root that is removed while a store is open", () => {
  for (const also of [false, true])
    it.effect(`is made anew by the next pull${also ? ", layers and all" : ""}`, () =>
      Effect.gen(function* () {
        const home = yield* directory
        const [root, layers] = [join(home, "root"), also ? undefined : join(home, "trees")]
        const store = yield* open({ root, layersDir: layers })
        const pull = (reference: string) =>
          Effect.gen(function* () {
            yield* store.locks.lease
            yield* pullInto(store, { reference, layers: ["a", "b"] })
          }).pipe(Effect.scoped)
        yield* pull(a)
        yield* Effect.promise(() => rm(root, { recursive: true }))
        expect(yield* store.catalogue.images()).toEqual([])
        yield* pull("example.org/b:1")
        expect(yield* store.catalogue.images()).toMatchObject([{ reference: "example.org/b:1" }])
        expect(yield* store.upkeep.verify).toEqual([])
        expect((yield* store.upkeep.prune()).images).toEqual([])
        expect(yield* (yield* open({ root, layersDir: layers })).catalogue.images()).toHaveLength(1)
      })
    )
})
