import * as Effect from "effect/Effect"
import { describe, expect, test } from "vitest"
import { Remembered, remembered } from "../../../src/store/database/Remembered.ts"

const counted = () => {
  let runs = 0
  const query = (key: string) => remembered(key)(Effect.sync(() => [key, ++runs]))
  return { query, runs: () => runs }
}

describe("what a query found", () => {
  test("is taken again by its key, among the same results only", () => {
    const { query, runs } = counted()
    const twice = Effect.all([query("a"), query("b"), query("a")])
    const results = new Map<string, unknown>()
    const found = Effect.runSync(Effect.provideService(twice, Remembered, results))
    expect(found).toEqual([
      ["a", 1],
      ["b", 2],
      ["a", 1]
    ])
    Effect.runSync(Effect.provideService(query("a"), Remembered, new Map()))
    expect(runs()).toBe(3)
  })

  test("is not kept where rows may change, nor where the query failed", () => {
    const { query, runs } = counted()
    Effect.runSync(Effect.all([query("a"), query("a")]))
    expect(runs()).toBe(2)
    const results = new Map<string, unknown>()
    const failing = Effect.exit(remembered("a")(Effect.fail("no")))
    Effect.runSync(Effect.provideService(failing, Remembered, results))
    expect([...results]).toEqual([])
  })

  test("is kept of 64 queries at most", () => {
    const { query } = counted()
    const results = new Map<string, unknown>()
    const many = Effect.forEach(
      Array.from({ length: 1000 }, (_, at) => String(at)),
      query
    )
    Effect.runSync(Effect.provideService(many, Remembered, results))
    expect(results.size).toBeLessThanOrEqual(64)
  })
})
