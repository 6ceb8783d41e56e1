/** A column tells each number that it was given last, whatever its width and whichever came before. */
import fc from "fast-check"
import { expect, test } from "vitest"
import { Column } from "../../../src/erofs/columns/Column.ts"
import { runs } from "../../support/runs.ts"

const number = fc.oneof(
  fc.constantFrom(0, 1, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, -1, -(2 ** 31), 2 ** 53 - 1, 0.5),
  fc.nat({ max: 300 }),
  fc.maxSafeInteger()
)
/** In three pages, at their borders above all. */
const row = fc.oneof(fc.constantFrom(0, 8191, 8192, 16_383, 16_384), fc.nat({ max: 24_000 }))

test("rows have the numbers that were set, and all others 0", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(row, number), { maxLength: 200 }), (steps) => {
      const column = new Column()
      const known = new Map<number, number>()
      for (const [at, value] of steps) {
        column.set(at, value)
        known.set(at, value)
        for (const near of [at - 1, at, at + 1]) if (near >= 0) expect(column.get(near)).toBe(known.get(near) ?? 0)
      }
      for (const [at, value] of known) expect(column.get(at)).toBe(value)
    }),
    { numRuns: runs(200) }
  )
})
