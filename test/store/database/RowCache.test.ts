import * as Effect from "effect/Effect"
import { describe, expect, test } from "vitest"
import { cacheRows, RowCache } from "../../../src/store/database/RowCache.ts"

const counted = () => {
  let runs = 0
  const query = (key: string) => cacheRows(key)(Effect.sync(() => [key, ++runs]))
  return { query, runs: () => runs }
}

describe("what a query found", () => {
  test("is taken again by its key, among the same results only", () => {
    const { query, runs } = counted()
    const twice = Effect.all([query("a"), query("b"), query("a")])
    const results = new Map<string, unknown>()
    const found = Effect.runSync(Effect.provideService(twice, RowCache, results))
    expect(found).toEqual([
      ["a", 1],
      ["b", 2],
      ["a", 1]
    ])
    Effect.runSync(Effect.provideService(query("a"), RowCache, new Map()))
    expect(runs()).toBe(3)
  })

  test("is not kept where rows may change, nor where the query failed", () => {
    const { query, runs } = counted()
    Effect.runSync(Effect.all([query("a"), query("a")]))
    expect(runs()).toBe(2)
    const results = new Map<string, unknown>()
    const failing = Effect.exit(cacheRows("a")(Effect.fail("no")))
    Effect.runSync(Effect.provideService(failing, RowCache, results))
    expect([...results]).toEqual([])
  })

  test("is kept of 64 queries, those that were asked last", () => {
    const { query, runs } = counted()
    const results = new Map<string, unknown>()
    const ask = (...keys: ReadonlyArray<string>) =>
      Effect.runSync(Effect.provideService(Effect.forEach(keys, query), RowCache, results))
    const keys = Array.from({ length: 65 }, (_, at) => String(at))
    ask(...keys)
    expect([...results.keys()]).toEqual(keys.slice(1))
    ask("1", "new")
    expect([...results.keys()]).toEqual([...keys.slice(3), "1", "new"])
    expect(runs()).toBe(66)
  })

  test("takes no place where it is nothing", () => {
    const results = new Map<string, unknown>()
    let runs = 0
    const nothing = cacheRows("a")(Effect.sync(() => void runs++))
    Effect.runSync(Effect.provideService(Effect.all([nothing, nothing]), RowCache, results))
    expect([runs, results.size]).toEqual([2, 0])
  })
})
