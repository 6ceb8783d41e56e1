import { describe, expect, test } from "vitest"
import { fewest, judge, overall } from "../../bench/compare/verdict.ts"
import { estimate, random } from "../../bench/measure/statistics.ts"

/** Pairs of runs whose true ratio is known, with the noise of a busy machine: a twentieth each, and some wild ones. */
const pairs = (seed: number, truth: number, count: number): ReadonlyArray<number> => {
  const next = random(seed)
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
  return Array.from({ length: count }, () => truth * Math.exp(0.05 * normal() + (next() < 0.05 ? 0.4 * normal() : 0)))
}

/** As `compare` does it: looks after every second pair, and stops once it can say something. */
const verdictOf = (ratios: ReadonlyArray<number>) => {
  for (let count = fewest; count <= ratios.length; count += 2) {
    const { verdict } = judge(ratios.slice(0, count))
    if (verdict !== "undecided") return verdict
  }
  return "undecided"
}

const seeds = Array.from({ length: 100 }, (_, seed) => seed + 1)

describe("the verdict of compare", () => {
  test("finds a slowdown of a tenth", () => {
    for (const seed of seeds) expect(verdictOf(pairs(seed, 1.1, 40))).toBe("slower")
  })
  test("finds that a tenth was gained", () => {
    for (const seed of seeds) expect(verdictOf(pairs(seed, 1 / 1.1, 40))).toBe("faster")
  })
  test("does not cry wolf on the same tree", () => {
    for (const seed of seeds) expect(["same", "undecided"]).toContain(verdictOf(pairs(seed, 1, 40)))
  })
  test("says nothing of fewer pairs than the interval needs", () => {
    expect(judge(Array.from({ length: fewest - 1 }, () => 2)).verdict).toBe("undecided")
  })
  test("is slower where one measure is, whatever the others gained", () => {
    expect(overall(["faster", "slower", "same"])).toBe("slower")
  })
})

describe("the estimate of a ratio", () => {
  test("has the interval of Wilcoxon's table: ten pairs, 95 %, eight of the 55 averages cut off at each end", () => {
    // The averages of 1, 2, 4, … 512 are distinct, so that the cut shows.
    const logs = Array.from({ length: 10 }, (_, i) => 2 ** i / 1000)
    const walsh = logs.flatMap((a, i) => logs.slice(i).map((b) => (a + b) / 2)).sort((a, b) => a - b)
    const { low, high, confidence } = estimate(logs.map(Math.exp), 0.95)
    expect(Math.log(low)).toBeCloseTo(walsh[8] ?? Number.NaN, 12)
    expect(Math.log(high)).toBeCloseTo(walsh[46] ?? Number.NaN, 12)
    expect(confidence).toBeCloseTo(0.9512, 4)
  })
  test("is little moved by one wild pair", () => {
    const calm = Array.from({ length: 11 }, (_, i) => 1 + i / 1000)
    expect(estimate([...calm, 50], 0.95).ratio).toBeLessThan(1.02)
  })
})
