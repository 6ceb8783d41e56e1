import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { expect } from "vitest"
import { makePulls, type PullsSource } from "../../src/pulls/makePulls.ts"
import type { TrackedPull } from "../../src/pulls/Pulls.ts"
import { it } from "../support/effect.ts"

const source = (options: PullsSource["options"], given: Partial<PullsSource> = {}): PullsSource => ({
  pull: () => Effect.void,
  identify: (reference) => Effect.succeed({ id: reference, reference }),
  interrupted: Effect.succeed([]),
  forget: () => Effect.void,
  options,
  ...given
})
const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })

it.effect("what has ended is kept for its time, and then leaves the list", () =>
  Effect.gen(function* () {
    const pulls = yield* makePulls(source({ finishedFor: 60_000 }))
    const lists: Array<ReadonlyArray<TrackedPull>> = []
    pulls.list$.subscribe((list) => lists.push(list))
    yield* settle
    yield* pulls.start("a")
    yield* settle
    yield* TestClock.adjust(59_999)
    yield* pulls.start("b")
    yield* settle
    expect(lists.at(-1)?.map(({ id, state }) => [id, state])).toEqual([
      ["a", "done"],
      ["b", "done"]
    ])
    yield* TestClock.adjust(1)
    yield* settle
    expect(lists.at(-1)?.map(({ id }) => id)).toEqual(["b"])
    expect(yield* pulls.get("a")).toBeUndefined()
    yield* TestClock.adjust(60_000)
    yield* settle
    expect(lists.at(-1)).toEqual([])
  })
)

it.effect("so many that have ended are kept; those that run are not counted", () =>
  Effect.gen(function* () {
    const pull: PullsSource["pull"] = (reference) => (reference === "long" ? Effect.never : Effect.void)
    const pulls = yield* makePulls(source({ finished: 2 }, { pull }))
    for (const id of ["long", "a", "b"]) {
      yield* pulls.start(id)
      yield* settle
      yield* TestClock.adjust(10)
    }
    const ids = Effect.filter(["long", "a", "b", "c"], (id) => Effect.map(pulls.get(id), (it) => it !== undefined))
    expect(yield* ids).toEqual(["long", "a", "b"])
    yield* pulls.start("c")
    yield* settle
    expect(yield* ids).toEqual(["long", "b", "c"])
  })
)

it.effect("a store that cannot be read offers nothing, and is asked again", () =>
  Effect.gen(function* () {
    let asked = 0
    const found = { id: "x", reference: "x", platform: "linux/amd64", total: 10, received: 5 }
    const interrupted = Effect.suspend(() => (++asked === 1 ? Effect.fail("EACCES") : Effect.succeed([found])))
    const pulls = yield* makePulls(source({}, { interrupted }))
    expect(yield* pulls.get("x")).toBeUndefined()
    expect(yield* pulls.get("x")).toMatchObject({ state: "interrupted", view: { received: 5, total: 10 } })
    expect(asked).toBe(2)
  })
)
