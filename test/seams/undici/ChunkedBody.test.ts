import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { ChunkedBody } from "../../../src/seams/undici/ChunkedBody.ts"

const encoded = (data: ReadonlyArray<Uint8Array>, extension = "") =>
  Buffer.concat([
    ...data.map((part) =>
      Buffer.concat([Buffer.from(`${part.length.toString(16)}${extension}\r\n`), part, Buffer.from("\r\n")])
    ),
    Buffer.from("0\r\n")
  ])

/** Data of a body in chunks, read one after the other without a state of its own. */
const decoded = (sent: Buffer): { readonly data: Array<Buffer>; readonly rest: Buffer } => {
  const data: Array<Buffer> = []
  for (let at = 0; ; ) {
    const end = sent.indexOf("\r\n", at)
    const size = Number.parseInt(sent.toString("latin1", at, end), 16)
    at = end + 2
    if (size === 0) return { data, rest: sent.subarray(at) }
    data.push(sent.subarray(at, at + size))
    expect(sent.toString("latin1", at + size, at + size + 2)).toBe("\r\n")
    at += size + 2
  }
}

const cut = (bytes: Buffer, lengths: ReadonlyArray<number>) => {
  const pieces: Array<Buffer> = []
  let left = bytes
  for (const length of lengths) {
    pieces.push(left.subarray(0, length))
    left = left.subarray(length)
  }
  return [...pieces, left]
}

const through = (pieces: ReadonlyArray<Buffer>) => {
  const body = new ChunkedBody()
  return pieces.map((piece) => body.push(piece))
}

describe("a chunked body", () => {
  test("has the same data in one chunk for each piece, and ends with its own trailers, however it is cut", () => {
    const part = fc.uint8Array({ minLength: 1, maxLength: 100 })
    const lengths = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 60 })
    const trailer = fc.constantFrom("\r\n", "a: b\r\n\r\n", "\r\nHTTP/1.1 200 OK\r\n")
    fc.assert(
      fc.property(
        fc.array(part),
        fc.constantFrom("", ";a", ';a="b c"'),
        trailer,
        lengths,
        (parts, ext, trailer, lengths) => {
          const pieces = cut(Buffer.concat([encoded(parts, ext), Buffer.from(trailer)]), lengths)
          const given = through(pieces)
          const { data, rest } = decoded(Buffer.concat(given))
          expect(Buffer.concat(data).equals(Buffer.concat(parts))).toBe(true)
          expect(rest.toString()).toBe(trailer)
          expect(data.length).toBeLessThanOrEqual(pieces.length)
        }
      )
    )
  })

  test("of 60 000 chunks of a byte is one chunk where it is read at once", () => {
    const parts = Array.from({ length: 60_000 }, (_, at) => Buffer.of(at % 256))
    const given = Buffer.concat(through([encoded(parts)]))
    expect(decoded(given).data).toEqual([Buffer.concat(parts)])
  })

  test("may have lines of 4 096 bytes, and no longer ones", () => {
    const line = (length: number) => Buffer.from(`f;${"x".repeat(length - 4)}\r\n`)
    expect(() => through([line(4096)])).not.toThrow()
    expect(() => through([line(4097)])).toThrow("more than 4096 bytes")
    expect(() => through(Array.from({ length: 4097 }, () => Buffer.from("0")))).toThrow()
  })

  test("may have 16 KiB more in its lines than twice its data and 16 bytes a chunk, and no byte more", () => {
    // 4 096 bytes of a line, two of its end, less 16 and twice one byte of data: 4 080 for each.
    const chunk = (line: number) => Buffer.from(`1;${"x".repeat(line - 4)}\r\n.\r\n`)
    const four = Array.from({ length: 4 }, () => chunk(4096))
    expect(() => through([...four, chunk(80)])).not.toThrow()
    expect(() => through([...four, chunk(81)])).toThrow("more in their lines")
    // Chunks with enough data earn it back.
    expect(() => through([...four, encoded([Buffer.alloc(9000)]).subarray(0, -3), ...four])).not.toThrow()
  })

  test("is refused where it is not a chunked body", () => {
    for (const sent of [
      "x\r\n",
      "\r\n",
      ";a\r\n",
      " 1\r\n",
      "-1\r\n",
      "0x1\r\n",
      "1 \r\n",
      "1\n.",
      "1\r.",
      "1;a\n.",
      "1\r\n..",
      "1\r\n.\n",
      "1\r\n.\r.",
      "20000000000000\r\n",
      "00000000000000001\r\n"
    ])
      expect(() => through([Buffer.from(sent)]), JSON.stringify(sent)).toThrow()
    expect(() => through([Buffer.from("1fffffffffffff\r\n")])).not.toThrow()
    expect(() => through([Buffer.from("0000000000000001\r\n.")])).not.toThrow()
  })
})
