/**
 * Heads of responses as Go's net/http reads them, made fit for undici's parser: what registries, proxies and caches send
 * is tried against Go's clients, and some of it against no other.
 *
 * Informational responses (RFC 9110, section 15.2) are left out, `100 Continue` among them, for which undici closes the
 * connection. Lines that end in LF alone, folded headers (RFC 9112, sections 2.2 and 5.2) and a `Content-Length` that is
 * there twice with one value (section 6.3) become what they mean. All else stays as it came, for the parser to judge.
 */
import type { Socket } from "node:net"

/** What one connection is waiting for. */
export interface Awaited {
  /** The next bytes are a response's head. */
  head: boolean
}

/** Bytes of all heads of one response; of the final one the parser takes 16 KiB. */
const mostBytes = 32_768

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
}

/** Looks at bytes that begin a head, for its end from `from` on; `undefined` where more is needed first. */
export const readHead = (bytes: Buffer, from = 0): Head | undefined => {
  // A TLS alert, HTTP/0.9, anything: nobody waits for its blank line.
  if (bytes.subarray(0, 5).toString("latin1") !== "HTTP/".slice(0, bytes.length)) return { given: bytes, isFinal: true }
  const end = endOfHead(bytes, from)
  if (end === undefined) return undefined
  const head = bytes.toString("latin1", 0, end)
  if (/^HTTP\/1\.\d 1(?!01)\d\d\D/.test(head)) return { given: bytes.subarray(end), isFinal: false }
  if (!isUnusual(head)) return { given: bytes, isFinal: true }
  return { given: Buffer.concat([Buffer.from(mended(head), "latin1"), bytes.subarray(end)]), isFinal: true }
}

/** Lets whoever reads from the socket see final heads only, each once all of it has come. */
export const readHeads = (socket: Socket, awaited: Awaited): void => {
  const read: (size?: number) => Buffer | null = socket.read.bind(socket)
  let held: Buffer = Buffer.alloc(0)
  let bytes = 0
  socket.read = (size) => {
    if (!awaited.head) return read(size)
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
        return head.given
      }
      if (bytes > mostBytes) {
        socket.destroy(new HeadsTooLarge("the answer's headers are too large"))
        return null
      }
    }
    return null
  }
}
