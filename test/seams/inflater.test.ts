import { randomBytes } from "node:crypto"
import { deflateRawSync } from "node:zlib"
import * as fc from "fast-check"
import { InflateRaw } from "minizlib"
import { describe, expect, test } from "vitest"
import {
  collected,
  direct,
  type Inflater,
  inflaterOptions,
  makeInflater,
  outputBytes
} from "../../src/seams/inflater.ts"
import { runs } from "../support/runs.ts"

/** All that `write` gives, copied; what it took comes first. */
const inflate = (inflater: Inflater, pieces: ReadonlyArray<Uint8Array>): readonly [taken: number, made: Buffer] => {
  const made: Array<Uint8Array> = []
  let taken = 0
  for (const piece of pieces) taken += inflater.write(piece, (chunk) => made.push(Uint8Array.from(chunk)))
  return [taken, Buffer.concat(made)]
}

const cut = (bytes: Uint8Array, size: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))

test("Node's own call is known on this Node: it is made", () => {
  const places = new Set<ArrayBufferLike>()
  const inflater = makeInflater(new InflateRaw(inflaterOptions()))
  inflater.write(deflateRawSync(randomBytes(5 * outputBytes)), ({ buffer }) => places.add(buffer))
  expect(places.size).toBe(1)
  inflater.close()
})

describe.each([
  { name: "by Node's call", make: direct },
  { name: "by minizlib's write", make: collected }
])("$name", ({ make }) => {
  const open = () => make(new InflateRaw(inflaterOptions()))

  test("what was deflated comes back, wherever the input is cut", () => {
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 3000 }),
      fc.constantFrom(1, 65_535, 65_536, 65_537, 400_000).map((n) => new Uint8Array(n))
    )
    fc.assert(
      fc.property(body, fc.integer({ min: 1, max: 70_000 }), (bytes, size) => {
        const deflated = deflateRawSync(bytes)
        const inflater = open()
        const [taken, made] = inflate(inflater, cut(deflated, size))
        inflater.close()
        expect(taken).toBe(deflated.length)
        expect(made.equals(bytes)).toBe(true)
      }),
      { numRuns: runs(60) }
    )
  })

  test("the end of a stream within the input is told, and the next one begins behind it", () => {
    const [one, two] = [randomBytes(100_000), Buffer.alloc(100_000, "x")]
    const first = deflateRawSync(one)
    const both = Buffer.concat([first, deflateRawSync(two)])
    const inflater = open()
    const [taken, made] = inflate(inflater, [both])
    expect([taken, made.equals(one)]).toEqual([first.length, true])
    inflater.reset()
    expect(inflate(inflater, [both.subarray(taken)])[1].equals(two)).toBe(true)
    inflater.close()
  })

  test("broken bytes are thrown as zlib tells of them, and nothing is told twice", async () => {
    const inflater = open()
    expect(() => inflater.write(Buffer.of(7, 7, 7), () => {})).toThrow("invalid block type")
    inflater.close()
    // An error that an emitter has no listener for would end the process in a later tick.
    await new Promise((resolve) => setImmediate(resolve))
  })

  test("what the receiver throws comes through", () => {
    const inflater = open()
    expect(() =>
      inflater.write(deflateRawSync(Buffer.alloc(10)), () => {
        throw new Error("full")
      })
    ).toThrow("full")
    inflater.close()
  })
})

test("by minizlib's write, no step comes to more than 1032 times 16 KiB, whatever it is given", () => {
  const stream = new InflateRaw(inflaterOptions())
  let most = 0
  const write = stream.write.bind(stream)
  stream.write = ((bytes: Buffer) => {
    most = Math.max(most, bytes.length)
    return write(bytes)
  }) as typeof stream.write
  const inflater = collected(stream)
  inflater.write(deflateRawSync(randomBytes(200_000)), () => {})
  expect(most).toBe(16 * 1024)
  inflater.close()
})
