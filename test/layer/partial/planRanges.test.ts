import fc from "fast-check"
import { expect, test } from "vitest"
import { mergedGap, planRanges } from "../../../src/layer/partial/planRanges.ts"
import type { Range } from "../../../src/layer/partial/Table.ts"

const range = (from: number, to: number): Range => ({ from, to })

test.each<[string, ReadonlyArray<Range>, ReadonlyArray<Range>]>([
  ["nothing", [], []],
  ["pieces side by side are one range", [range(1, 5), range(5, 9)], [range(1, 9)]],
  ["a gap at the bound", [range(0, 1), range(1 + mergedGap, 2 + mergedGap)], [range(0, 2 + mergedGap)]],
  [
    "a gap beyond it",
    [range(0, 1), range(2 + mergedGap, 3 + mergedGap)],
    [range(0, 1), range(2 + mergedGap, 3 + mergedGap)]
  ]
])("%s", (_, pieces, ranges) => {
  expect(planRanges(pieces)).toEqual(ranges)
})

/** Distances and lengths. */
const pieces = fc.array(fc.tuple(fc.nat(50), fc.integer({ min: 1, max: 20 })), { maxLength: 40 }).map((steps) => {
  let at = 0
  return steps.map(([gap, length]) => {
    const from = at + gap
    at = from + length
    return range(from, at)
  })
})

test("the ranges have every piece, are in order, are no more than are allowed, and skip no small gap", () => {
  fc.assert(
    fc.property(pieces, fc.nat(30), fc.integer({ min: 1, max: 10 }), (given, gap, most) => {
      const ranges = planRanges(given, gap, most)
      expect(ranges.length).toBeLessThanOrEqual(most)
      for (const { from, to } of given) expect(ranges.some((it) => it.from <= from && to <= it.to)).toBe(true)
      for (const [at, { from, to }] of ranges.entries()) {
        expect(given.some((it) => it.from === from)).toBe(true)
        expect(given.some((it) => it.to === to)).toBe(true)
        if (at > 0) expect(from - (ranges[at - 1]?.to ?? 0)).toBeGreaterThan(gap)
      }
    })
  )
})
