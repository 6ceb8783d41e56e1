import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { describe, expect } from "vitest"
import { makeDownloads, type Permits, starvationTimeout } from "../../../src/pull/flights/Downloads.ts"
import { it } from "../../support/effect.ts"

/** Downloads that run until they are told to end, in the order in which they began. */
const watched = () => {
  const began: Array<string> = []
  const ends = new Map<string, () => void>()
  const start = (permits: Permits, name: string) =>
    Effect.forkChild(
      permits.withPermit(
        Effect.callback<void>((resume) => {
          began.push(name)
          ends.set(name, () => resume(Effect.void))
        })
      )
    )
  const settle = Effect.forEach([1, 2, 3, 4, 5], () => Effect.yieldNow, { discard: true })
  const end = (name: string) =>
    Effect.andThen(
      Effect.sync(() => ends.get(name)?.()),
      settle
    )
  return { began, start, end, settle }
}

describe("permits for downloads", () => {
  it.effect("are as many as there are, in the order of asking, for a pull alone", () =>
    Effect.gen(function* () {
      const { began, start, end, settle } = watched()
      const pull = makeDownloads(2).forPull()
      for (const name of ["a", "b", "c", "d"]) yield* start(pull, name)
      yield* settle
      expect(began).toEqual(["a", "b"])
      yield* TestClock.adjust(10 * starvationTimeout)
      expect(began).toEqual(["a", "b"])
      yield* end("b")
      yield* end("a")
      expect(began).toEqual(["a", "b", "c", "d"])
    })
  )

  it.effect("go to the pull that holds the fewest", () =>
    Effect.gen(function* () {
      const { began, start, end, settle } = watched()
      const downloads = makeDownloads(3)
      const [one, two, three] = [downloads.forPull(), downloads.forPull(), downloads.forPull()]
      for (const name of ["1a", "1b", "1c", "1d", "1e"]) yield* start(one, name)
      for (const name of ["2a", "2b", "2c"]) yield* start(two, name)
      yield* start(three, "3a")
      yield* settle
      expect(began).toEqual(["1a", "1b", "1c"])
      yield* end("1a")
      yield* end("1b")
      expect(began.slice(3)).toEqual(["2a", "3a"])
      yield* end("1c")
      expect(began.slice(5)).toEqual(["1d"])
      yield* end("3a")
      yield* end("2a")
      expect(began.slice(6)).toEqual(["2b", "1e"])
    })
  )

  it.effect("that nobody gives back stop no other pull for longer than the starvationTimeout", () =>
    Effect.gen(function* () {
      const { began, start, end, settle } = watched()
      const downloads = makeDownloads(3)
      const [stalled, other] = [downloads.forPull(), downloads.forPull()]
      for (const name of ["s1", "s2", "s3", "s4"]) yield* start(stalled, name)
      yield* settle
      for (const name of ["a", "b", "c"]) yield* start(other, name)
      yield* settle
      yield* TestClock.adjust(starvationTimeout - 1)
      expect(began).toEqual(["s1", "s2", "s3"])
      yield* TestClock.adjust(1)
      yield* settle
      expect(began).toEqual(["s1", "s2", "s3", "a"])
      // Its place is its own until it has no more layers, without another wait.
      yield* end("a")
      yield* end("b")
      expect(began.slice(4)).toEqual(["b", "c"])
      yield* end("c")
      yield* end("s1")
      expect(began.slice(6)).toEqual(["s4"])
    })
  )

  it.effect("beyond the number are one for each starvationTimeout, and none for a pull that holds one", () =>
    Effect.gen(function* () {
      const { began, start, settle } = watched()
      const downloads = makeDownloads(1)
      const pulls = ["a", "b", "c"].map((name) => ({ name, permits: downloads.forPull() }))
      for (const { name, permits } of pulls) for (const at of [1, 2]) yield* start(permits, `${name}${at}`)
      yield* settle
      for (const expected of [["a1"], ["a1", "b1"], ["a1", "b1", "c1"], ["a1", "b1", "c1"]]) {
        expect(began).toEqual(expected)
        yield* TestClock.adjust(starvationTimeout)
        yield* settle
      }
    })
  )

  it.effect("come back however a download ends, also from the line", () =>
    Effect.gen(function* () {
      const { began, start, settle } = watched()
      const downloads = makeDownloads(1)
      const [one, two] = [downloads.forPull(), downloads.forPull()]
      yield* Effect.ignore(one.withPermit(Effect.fail("broken")))
      const first = yield* start(one, "first")
      yield* settle
      const left = yield* start(two, "left")
      const last = yield* start(two, "last")
      yield* settle
      yield* Fiber.interrupt(left)
      yield* Fiber.interrupt(first)
      yield* settle
      expect(began).toEqual(["first", "last"])
      yield* Fiber.interrupt(last)
      yield* start(one, "again")
      yield* settle
      expect(began).toEqual(["first", "last", "again"])
    })
  )
})
