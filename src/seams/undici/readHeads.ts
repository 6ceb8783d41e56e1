/**
 * Heads of responses as Go's net/http reads them, made fit for undici's parser: what registries, proxies and caches send
 * is tried against Go's clients, and some of it against no other.
 *
 * Informational responses (RFC 9110, section 15.2) are left out, `100 Continue` among them, for which undici closes the
 * connection. Lines that end in LF alone, folded headers (RFC 9112, sections 2.2 and 5.2) and a `Content-Length` that is
 * there twice with one value (section 6.3) become what they mean. All else stays as it came, for the parser to judge.
 *
 * Chunked bodies are put into large chunks. Of other transfer codings beside that one, which Go refuses, nothing is taken.
 */
import type { Socket } from "node:net"
import { countRead } from "../v8/collectHeap.ts"
import { ChunkedBody } from "./ChunkedBody.ts"
import { isOver, spend } from "./readingTurns.ts"

/** What one connection is waiting for. */
export interface Awaited {
  /** The next bytes are a response's head. */
  head: boolean
}

/** Bytes of all heads of one response; of the final one the parser takes 16 KiB. */
const mostBytes = 32_768

export class UnknownTransferCoding extends Error {
  readonly code = "UNKNOWN_TRANSFER_CODING"
}

export class HeadsTooLarge extends Error {
  readonly code = "UND_ERR_HEADERS_OVERFLOW"
}

const [lf, cr] = [10, 13]

/** The index behind the blank line that ends a head, looked for from `from` on; `undefined` where it has not come yet. */
const endOfHead = (bytes: Buffer, from: number): number | undefined => {
  for (let at = bytes.indexOf(lf, from); at !== -1; at = bytes.indexOf(lf, at + 1)) {
    if (bytes[at + 1] === lf) return at + 2
    if (bytes[at + 1] === cr && bytes[at + 2] === lf) return at + 3
  }
  return undefined
}

/** A line that ends in LF alone, one that begins with a blank, or a length that is there again. */
const isUnusual = (head: string): boolean =>
  /(?:^|[^\r])\n|\n[ \t]/.test(head) || (head.match(/\ncontent-length:/gi)?.length ?? 0) > 1

const fieldValue = (line: string) => line.slice(line.indexOf(":") + 1).trim()

/** The same head as undici's parser takes it. */
const mended = (head: string): string => {
  const [status = "", ...lines] = head.trimEnd().split(/\r?\n/)
  const unfolded: Array<string> = []
  for (const line of lines) {
    const before = unfolded.at(-1)
    if (before !== undefined && /^[ \t]/.test(line))
      unfolded[unfolded.length - 1] = `${before.trimEnd()} ${line.trim()}`
    else unfolded.push(line)
  }
  const isLength = (line: string) => /^content-length:/i.test(line)
  const first = unfolded.findIndex(isLength)
  const length = fieldValue(unfolded[first] ?? "")
  const single = unfolded.filter((line, at) => at === first || !isLength(line) || fieldValue(line) !== length)
  return `${[status, ...single].join("\r\n")}\r\n\r\n`
}

export interface Head {
  /** What the parser is given: the head and what came with it, or what comes behind an informational one. */
  readonly given: Buffer
  readonly isFinal: boolean
  /** The bytes of a final head. */
  readonly length?: number
  /** The values of the `Transfer-Encoding` fields of a final head. */
  readonly codings?: ReadonlyArray<string>
}

const codingsOf = (head: string) =>
  /\ntransfer-encoding:/i.test(head)
    ? {
        codings: Array.from(head.matchAll(/\ntransfer-encoding:([^\r\n]*)/gi), ([, value = ""]) =>
          value.trim().toLowerCase()
        )
      }
    : {}

/** Looks at bytes that begin a head, for its end from `from` on; `undefined` where more is needed first. */
export const readHead = (bytes: Buffer, from = 0): Head | undefined => {
  // A TLS alert, HTTP/0.9, anything: nobody waits for its blank line.
  if (bytes.subarray(0, 5).toString("latin1") !== "HTTP/".slice(0, bytes.length)) return { given: bytes, isFinal: true }
  const end = endOfHead(bytes, from)
  if (end === undefined) return undefined
  const head = bytes.toString("latin1", 0, end)
  if (/^HTTP\/1\.\d 1(?!01)\d\d\D/.test(head)) return { given: bytes.subarray(end), isFinal: false }
  if (!isUnusual(head)) return { given: bytes, isFinal: true, length: end, ...codingsOf(head) }
  const right = mended(head)
  const given = Buffer.concat([Buffer.from(right, "latin1"), bytes.subarray(end)])
  return { given, isFinal: true, length: right.length, ...codingsOf(right) }
}

/** The reader of a body that comes in chunks; `undefined` for any other. Throws `UnknownTransferCoding`. */
const chunkedBodyOf = ({ codings = [] }: Head): ChunkedBody | undefined => {
  if (!codings.some((value) => value.includes("chunked"))) return undefined
  if (codings.length === 1 && codings[0] === "chunked") return new ChunkedBody()
  throw new UnknownTransferCoding("the answer is chunked and has another transfer coding")
}

/**
 * Lets the socket's reader see final heads only, each once all of it has come, and few chunks. What it gives back
 * is read again by itself, as it was: the socket would put it together with what came meanwhile, a copy of all that waits.
 */
export const readHeads = (socket: Socket, awaited: Awaited): void => {
  const read: (size?: number) => Buffer | null = socket.read.bind(socket)
  const unshift: (chunk: Buffer) => void = socket.unshift.bind(socket)
  let held: Buffer = Buffer.alloc(0)
  let bytes = 0
  let rest = 0
  let body: ChunkedBody | undefined

  const readHeld = (): Buffer | null => {
    for (let chunk = read(); chunk !== null; chunk = read()) {
      bytes += chunk.length
      const from = Math.max(0, held.length - 2)
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      for (let head = readHead(held, from); head !== undefined; head = readHead(held)) {
        held = head.given
        if (!head.isFinal) continue
        held = Buffer.alloc(0)
        bytes = 0
        awaited.head = false
        body = chunkedBodyOf(head)
        if (body === undefined) return head.given
        return Buffer.concat([head.given.subarray(0, head.length), body.push(head.given.subarray(head.length))])
      }
      if (bytes > mostBytes) throw new HeadsTooLarge("the answer's headers are too large")
    }
    return null
  }

  const readBody = (chunked: ChunkedBody): Buffer | null => {
    while (!isOver(socket)) {
      const chunk = read()
      if (chunk === null) return null
      countRead(chunk.length)
      const before = chunked.singly
      const given = chunked.push(chunk)
      spend(chunk.length, chunked.singly - before)
      countRead(given.length)
      if (given.length > 0) return given
    }
    return null
  }

  socket.unshift = (chunk: Buffer) => {
    rest = chunk.length
    unshift(chunk)
  }
  socket.read = (size) => {
    if (size !== undefined) return read(size)
    if (rest > 0) {
      const length = rest
      rest = 0
      return read(length)
    }
    if (!awaited.head && body === undefined) {
      const chunk = isOver(socket) ? null : read()
      if (chunk === null) return null
      countRead(chunk.length)
      spend(chunk.length, 0)
      return chunk
    }
    try {
      return awaited.head || body === undefined ? readHeld() : readBody(body)
    } catch (error) {
      socket.destroy(error as Error)
      return null
    }
  }
}
