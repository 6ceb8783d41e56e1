/** A body in HTTP chunks (RFC 9112, section 7.1), as its grammar allows it, or not. */
import type { Prng } from "../../../src/testing/image/Prng.ts"

/** Bytes of a chunk's line, and of lines beyond 16 a chunk and twice its data: the limits of what is read. */
const [longestLine, mostExcess] = [4096, 16_384]

export interface Chunked {
  readonly bytes: Buffer
  /** As the grammar has it, and within the limits. */
  readonly intact: boolean
}

const sizesOf = (random: Prng, length: number): ReadonlyArray<number> => {
  const most = random.pick([1, 2, 7, 100, 3000, 70_000])
  const sizes: Array<number> = []
  for (let left = length; left > 0; ) {
    // Not more than some thousand of the smallest.
    const size = Math.min(left, sizes.length > 3000 ? left : 1 + random.below(most))
    sizes.push(size)
    left -= size
  }
  return sizes
}

const extensionOf = (random: Prng): string => {
  switch (random.below(6)) {
    case 0:
      return ";a"
    case 1:
      return ';name="a;b,c"'
    case 2:
      return " ; a = b".slice(1)
    case 3:
      return `;${"e".repeat(random.below(40))}`
    case 4:
      return `;${"e".repeat(random.pick([longestLine - 12, longestLine, 200, 20_000]))}`
    default:
      return ";\t\xff\x00"
  }
}

const trailers = [
  "",
  "",
  "",
  "a: b\r\n",
  "digest: sha-256=:x:\r\nexpires: 0\r\n",
  `a: ${"b".repeat(1000)}\r\n`,
  "a:\r\n"
] as const

const oddTrailers = [
  "a b\r\n",
  "content-length: 1\r\n",
  "transfer-encoding: chunked\r\n",
  ": b\r\n",
  "a: b\n",
  "\0",
  `${"a: b\r\n".repeat(9000)}`,
  "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n"
] as const

/** Bytes of all extensions: beyond it they are refused, however many. */
const mostExtended = 2 ** 20

export const chunkedText = (body: Buffer, random: Prng): Chunked => {
  const parts: Array<Uint8Array> = []
  const often = random.pick([0, 0, 0.05, 1])
  const isUpper = random.chance(0.2)
  const zeros = random.chance(0.1) ? random.below(18) : 0
  const quiet = random.chance(0.5) ? "" : extensionOf(random)
  let excess = 0
  let extended = 0
  let intact = true
  const line = (size: number) => {
    const hex = isUpper ? size.toString(16).toUpperCase() : size.toString(16)
    const digits = hex.padStart(zeros, "0")
    const extension = random.chance(often) && extended < mostExtended ? quiet : ""
    extended += extension.length
    const text = `${digits}${extension}\r\n`
    excess = Math.max(0, excess + text.length + 2 - 16 - 2 * size)
    if (text.length > longestLine || excess > mostExcess || digits.length > 16) intact = false
    parts.push(Buffer.from(text, "latin1"))
  }
  let at = 0
  for (const size of sizesOf(random, body.length)) {
    line(size)
    parts.push(body.subarray(at, at + size), Buffer.from("\r\n"))
    at += size
  }
  line(0)
  const odd = random.chance(0.1)
  if (odd) intact = false
  parts.push(Buffer.from(`${random.pick(odd ? oddTrailers : trailers)}\r\n`, "latin1"))
  return { bytes: Buffer.concat(parts), intact }
}

const oddLines = [
  "-1\r\n",
  "+1\r\n",
  "0x10\r\n",
  "1e3\r\n",
  "ffffffffffffffff\r\n",
  "fffffffffffffffff\r\n",
  "1fffffffffffff\r\n",
  "20000000000000\r\n",
  "7fffffff\r\n",
  "80000000\r\n",
  "100000000\r\n",
  "\r\n",
  "5\n",
  "5 \r\n",
  " 5\r\n",
  "5\r\r\n",
  "5;a\n",
  "5;a\rb\r\n",
  "0\r\n\r\n",
  "0\r\n",
  "00000000000000000\r\n",
  "g\r\n",
  "１\r\n"
] as const

/** Not as it was: one change, which may fall into the data. */
export const mutateChunks = (bytes: Buffer, random: Prng): Buffer => {
  const at = random.below(bytes.length + 1)
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
  switch (random.below(8)) {
    case 0:
    case 1:
      return before
    case 2:
      return Buffer.concat([before, random.bytes(1 + random.below(3)), after])
    case 3:
      return Buffer.concat([before, after.subarray(1 + random.below(3))])
    case 4: {
      const changed = Buffer.from(bytes)
      if (at < changed.length) changed[at] = random.below(256)
      return changed
    }
    case 5: {
      // Where a line stands, or at least a line's end.
      const end = bytes.indexOf("\r\n", at) + 2
      return Buffer.concat([bytes.subarray(0, end), Buffer.from(random.pick(oddLines)), bytes.subarray(end)])
    }
    case 6:
      return Buffer.concat([bytes, Buffer.from(random.pick(["0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "\0", "\r\n"]))])
    default: {
      const end = bytes.indexOf("\r\n", at)
      return end === -1
        ? before
        : Buffer.concat([bytes.subarray(0, end), Buffer.from(random.pick(oddLines)), bytes.subarray(end + 2)])
    }
  }
}

export interface Decoded {
  readonly data: Buffer
  /** What follows the last chunk's line; `undefined` where that has not come. */
  readonly rest: Buffer | undefined
}

/** By the grammar, and nothing else; `undefined` where the bytes are no chunks. */
export const decodeChunks = (bytes: Buffer): Decoded | undefined => {
  const data: Array<Buffer> = []
  for (let at = 0; ; ) {
    const end = bytes.indexOf("\n", at)
    const line = bytes.toString("latin1", at, end === -1 ? bytes.length : end + 1)
    const size = /^([0-9a-f]+)(?:;[^\r\n]*)?\r\n$/i.exec(line)?.[1]
    if (size === undefined) {
      const begun = end === -1 && /^(?:[0-9a-f]*|[0-9a-f]+;[^\r\n]*|[0-9a-f]+(?:;[^\r\n]*)?\r)$/i.test(line)
      return begun ? { data: Buffer.concat(data), rest: undefined } : undefined
    }
    const length = Number.parseInt(size, 16)
    at += line.length
    if (length === 0) return { data: Buffer.concat(data), rest: bytes.subarray(at) }
    data.push(bytes.subarray(at, Math.min(at + length, bytes.length)))
    at += length
    if (at >= bytes.length) return { data: Buffer.concat(data), rest: undefined }
    const separator = bytes.toString("latin1", at, at + 2)
    if (separator !== "\r\n") return separator === "\r" ? { data: Buffer.concat(data), rest: undefined } : undefined
    at += 2
  }
}
