/** A clock that was ahead, and was set back: what was used in a time to come is not kept until then. */
import { mkdir, readdir, utimes, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { describe, expect } from "vitest"
import { it } from "../../support/effect.ts"
import { directory, type OpenStore, open, pullInto } from "../fixtures.ts"

const day = 24 * 3_600_000
const amd64 = { os: "linux", architecture: "amd64" }
const today = 20_000 * day
const a = "example.org/a:1"

/** Pulled a year from now, by a clock that is then set right. */
const ahead = Effect.gen(function* () {
  yield* TestClock.setTime(today + 365 * day)
  const store = yield* open({ root: yield* directory })
  yield* pullInto(store, { reference: a })
  yield* TestClock.setTime(today)
  return store
})

const used = (store: OpenStore) =>
  Effect.map(store.catalogue.images(), (images) => images.map(({ lastUsed }) => Date.parse(lastUsed)))

describe("an image that was used in a time to come", () => {
  it.effect("counts as used now, and goes when it was not used for so long from now on", () =>
    Effect.gen(function* () {
      const store = yield* ahead
      expect((yield* store.upkeep.prune({ unusedFor: 7 * day, dryRun: true })).images).toEqual([])
      expect(yield* used(store)).toEqual([today + 365 * day])
      expect((yield* store.upkeep.prune({ unusedFor: 7 * day })).images).toEqual([])
      expect(yield* used(store)).toEqual([today])
      yield* TestClock.adjust("6 days")
      expect((yield* store.upkeep.prune({ unusedFor: 7 * day })).images).toEqual([])
      yield* TestClock.adjust("2 days")
      expect((yield* store.upkeep.prune({ unusedFor: 7 * day })).images).toEqual([a])
    })
  )
  it.effect("goes before what was used later, where there is too much", () =>
    Effect.gen(function* () {
      const store = yield* ahead
      yield* store.upkeep.prune()
      yield* TestClock.adjust("1 hour")
      yield* pullInto(store, { reference: "example.org/b:1", layers: ["b"], version: "b" })
      yield* TestClock.adjust("1 hour")
      expect((yield* store.upkeep.prune({ keepBytes: 0 })).images).toEqual([a, "example.org/b:1"])
    })
  )
  it.effect("is used now when it is served", () =>
    Effect.gen(function* () {
      const store = yield* ahead
      yield* store.catalogue.find(a, amd64)
      expect(yield* used(store)).toEqual([today])
      // So soon after it is not written again.
      yield* TestClock.adjust("10 seconds")
      yield* store.catalogue.find(a, amd64)
      expect(yield* used(store)).toEqual([today])
    })
  )
})

describe("a partial blob that was written to in a time to come", () => {
  it.effect("is kept for no longer than others", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(today)
      const root = yield* directory
      const store = yield* open({ root })
      yield* Effect.promise(async () => {
        await mkdir(join(root, "partial"))
        for (const [name, time] of [
          ["sha256:far", today + 365 * day],
          ["sha256:near", today + day]
        ] as const) {
          await writeFile(join(root, "partial", name), "bytes")
          await utimes(join(root, "partial", name), time / 1000, time / 1000)
        }
      })
      yield* store.upkeep.prune({ partialsFor: 7 * day })
      expect(yield* Effect.promise(() => readdir(join(root, "partial")))).toEqual(["sha256:near"])
    })
  )
})
