import fc from "fast-check"
import { expect, test } from "vitest"
import { ByteGatherer } from "../../src/export/ByteGatherer.ts"

test("what is gathered is what was added, in order; small pieces may be overwritten after; no chunk is small but the last", () => {
  const pieces = fc.array(fc.oneof(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 0, max: 70_000 })))
  fc.assert(
    fc.property(pieces, (lengths) => {
      const gatherer = new ByteGatherer()
      const expected: Array<Buffer> = []
      const given: Array<Uint8Array> = []
      for (const [at, length] of lengths.entries()) {
        const piece = Buffer.alloc(length, at + 1)
        expected.push(Buffer.from(piece))
        given.push(...gatherer.add(piece).map((chunk) => Buffer.from(chunk)))
        if (length <= 600) piece.fill(0)
      }
      given.push(...gatherer.flush())
      expect(Buffer.concat(given).equals(Buffer.concat(expected))).toBe(true)
      expect(given.every(({ length }) => length > 0)).toBe(true)
    })
  )
})
