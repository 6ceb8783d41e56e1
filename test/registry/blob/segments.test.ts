import fc from "fast-check"
import { expect, test } from "vitest"
import { segmentBytes, segments } from "../../../src/registry/blob/segments.ts"

const MiB = 2 ** 20

test("the segments of a range cover it once, in its order; only the last one is shorter", () =>
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(200), fc.integer({ min: 1, max: 50 }), (offset, length, bytes) => {
      const all = [...segments(offset, offset + length, bytes)]
      expect(all).toHaveLength(Math.ceil(length / bytes))
      let at = offset
      for (const [from, to] of all) {
        expect(from).toBe(at)
        expect(to).toBe(Math.min(from + bytes, offset + length))
        at = to
      }
      expect(at).toBe(offset + length)
    })
  ))

test("a range that is over has none", () => {
  expect([...segments(5, 5, 10)]).toEqual([])
  expect([...segments(6, 5, 10)]).toEqual([])
})

test("what is requested at once is at most 16 MiB, in segments of 1 to 4 MiB, whole bytes each", () => {
  expect([1, 4, 5, 15, 16, 17, 1000].map(segmentBytes)).toEqual([
    4 * MiB,
    4 * MiB,
    Math.floor((16 * MiB) / 5),
    Math.floor((16 * MiB) / 15),
    MiB,
    MiB,
    MiB
  ])
})
