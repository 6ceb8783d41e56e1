/**
 * A chunked body (RFC 9112, section 7.1), put into one chunk for each read of the socket: what a chunk costs in undici's parser
 * and behind it is paid for each read, however small the chunks are. Extensions are left out. What ends the body, and the
 * trailers, are handed on as they come.
 *
 * Refused are lines of more than 4 096 bytes with their end (Go's net/http takes one byte less), and, as in Go, bodies that are
 * little else than lines.
 */

/** Bytes of a chunk's line, and of its size's digits. */
const [longestLine, mostDigits] = [4096, 16]
/** Bytes of lines beyond 16 a chunk and twice its data. */
const mostExcess = 16_384

export class InvalidChunk extends Error {
  readonly code = "INVALID_CHUNK"
}

const size = 0
const extension = 1
const lineEnd = 2
const data = 3
const dataCr = 4
const dataLf = 5
const over = 6

const [cr, lf, semicolon] = [13, 10, 59]

/** The value of a hexadecimal digit; -1 for any other byte. */
const digitOf = (byte: number): number => {
  if (byte >= 48 && byte <= 57) return byte - 48
  const lower = byte | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

/** Bytes before the data of what is handed on: eight digits and a line's end. */
const room = 10
/** Bytes that are copied one by one. */
const few = 32

export class ChunkedBody {
  #state = size
  #size = 0
  #digits = 0
  #line = 0
  #excess = 0
  #singly = 0

  /** Bytes so far that were looked at one by one. */
  get singly(): number {
    return this.#singly
  }

  /** What the parser is given for these bytes, perhaps nothing; throws `InvalidChunk`. */
  push(bytes: Buffer): Buffer {
    if (this.#state === over) return bytes
    const out = Buffer.allocUnsafe(room + bytes.length + 5)
    let to = room
    let at = 0
    while (at < bytes.length && this.#state !== over) {
      if (this.#state === data) {
        const length = Math.min(this.#size, bytes.length - at)
        if (length > few) bytes.copy(out, to, at, at + length)
        else {
          for (let i = 0; i < length; i++) out[to + i] = bytes[at + i] as number
          this.#singly += length
        }
        to += length
        at += length
        this.#size -= length
        if (this.#size === 0) this.#state = dataCr
      } else this.#framing(bytes[at++] as number)
    }
    const length = to - room
    let from = room
    if (length > 0) {
      const head = `${length.toString(16)}\r\n`
      from -= head.length
      out.write(head, from, "latin1")
      to += out.write("\r\n", to, "latin1")
    }
    if (this.#state === over) {
      to += out.write("0\r\n", to, "latin1")
      to += bytes.copy(out, to, at)
    }
    return out.subarray(from, to)
  }

  /** A byte that is not data. */
  #framing(byte: number): void {
    this.#singly += 1
    if (this.#state === dataCr || this.#state === dataLf) {
      if (byte !== (this.#state === dataCr ? cr : lf)) throw new InvalidChunk("a chunk is longer than its size")
      this.#state = this.#state === dataCr ? dataLf : size
      return
    }
    if (++this.#line > longestLine) throw new InvalidChunk(`a chunk's line has more than ${longestLine} bytes`)
    if (this.#state === lineEnd) {
      if (byte !== lf) throw new InvalidChunk("a chunk's line does not end in CR LF")
      this.#begin()
    } else if (byte === cr && this.#digits > 0) this.#state = lineEnd
    else if (this.#state === size) {
      const value = digitOf(byte)
      if (value >= 0 && ++this.#digits <= mostDigits) this.#size = 16 * this.#size + value
      else if (byte === semicolon && this.#digits > 0) this.#state = extension
      else throw new InvalidChunk("a chunk's size is not a number")
      if (this.#size > Number.MAX_SAFE_INTEGER) throw new InvalidChunk("a chunk's size is not a number")
    } else if (byte === lf) throw new InvalidChunk("a chunk's line does not end in CR LF")
  }

  /** Behind a chunk's line. */
  #begin(): void {
    this.#excess = Math.max(0, this.#excess + this.#line + 2 - 16 - 2 * this.#size)
    if (this.#excess > mostExcess) throw new InvalidChunk("its chunks have more in their lines than in their data")
    this.#state = this.#size === 0 ? over : data
    this.#digits = 0
    this.#line = 0
  }
}
