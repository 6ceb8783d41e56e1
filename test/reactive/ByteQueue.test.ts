import * as fc from "fast-check"
import { from, lastValueFrom } from "rxjs"
import { describe, expect, test } from "vitest"
import { ByteQueue } from "../../src/reactive/ByteQueue.ts"
import { concatBytes } from "../../src/reactive/concatBytes.ts"
import { runs } from "../support/runs.ts"

const bytes = (from: number, length: number) => Buffer.from(Uint8Array.from({ length }, (_, at) => (from + at) % 251))

/** Pieces of all sizes, some of them small parts of large buffers. */
const pieces = fc.array(
  fc.record({
    length: fc.oneof(fc.constantFrom(0, 1, 2, 4095, 4096, 16_384, 20_000, 65_536), fc.nat(70_000)),
    within: fc.nat(100_000)
  }),
  { maxLength: 40 }
)

const made = (script: ReadonlyArray<{ readonly length: number; readonly within: number }>) => {
  let at = 0
  return script.map(({ length, within }) => {
    const buffer = Buffer.alloc(length + within)
    const piece = buffer.subarray(within)
    piece.set(bytes(at, length))
    at += length
    return piece
  })
}

/** Bytes of memory that these pieces keep. */
const kept = (held: ReadonlyArray<Uint8Array>) =>
  [...new Set(held.map(({ buffer }) => buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0)

describe("pieces that wait", () => {
  test("come out in order, whatever they were and whenever they are taken", () => {
    fc.assert(
      fc.property(pieces, fc.infiniteStream(fc.nat(3)), (script, takes) => {
        const held = new ByteQueue()
        const [given, taken]: [Array<Uint8Array>, Array<Uint8Array>] = [made(script), []]
        for (const piece of given) {
          held.push(piece)
          for (let left = takes.next().value ?? 0; left > 0; left--) {
            const first = held.shift()
            if (first !== undefined) taken.push(first)
          }
        }
        for (let first = held.shift(); first !== undefined; first = held.shift()) taken.push(first)
        expect(Buffer.concat(taken).equals(Buffer.concat(given))).toBe(true)
        expect(held.bytes).toBe(0)
      })
    )
  })

  test("take memory by their bytes: neither their number nor the buffers they lie in count", () => {
    fc.assert(
      fc.property(pieces, (script) => {
        const held = new ByteQueue()
        for (const piece of made(script)) held.push(piece)
        const { bytes } = held
        const all = held.take()
        expect(all.length).toBeLessThanOrEqual(bytes / 4096 + 1)
        expect(kept(all)).toBeLessThanOrEqual(4 * bytes + 16_384)
      })
    )
  })

  test("of a byte each are as few as their bytes allow", () => {
    const held = new ByteQueue()
    for (let at = 0; at < 100_000; at++) held.push(bytes(at, 1))
    expect(held.take()).toHaveLength(Math.ceil(100_000 / 16_384))
  })
})

test("a body is one buffer, whatever pieces it came in", async () => {
  await fc.assert(
    fc.asyncProperty(pieces, async (script) => {
      const given = made(script)
      const body = await lastValueFrom(from(given).pipe(concatBytes))
      expect(Buffer.from(body).equals(Buffer.concat(given))).toBe(true)
      expect(body.buffer.byteLength).toBeLessThanOrEqual(2 * body.length + 4096)
    }),
    { numRuns: runs(30) }
  )
})
