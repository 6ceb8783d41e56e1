/** Bodies of entries → their places in one file, for each of which it has room. */
import { closeSync, constants, openSync, writeSync } from "node:fs"
import type { OperatorFunction } from "rxjs"
import { codeOrMessage } from "../../api/codeOf.ts"
import { CorruptLayer, FileSystemFailed } from "../../api/errors.ts"
import { transduce } from "../../reactive/transduce.ts"
import type { EntryHeader } from "../Entry.ts"
import type { Part } from "../tar/untar.ts"
import type { BodiesTarget } from "../workerMessages.ts"

/** Bytes that are gathered for one write. */
const gathered = 2 ** 20
/** Pieces as large as this are not copied. */
const large = 2 ** 16

const { O_NOFOLLOW = 0, O_WRONLY } = constants

/** Gathers what is written beside each other. What is between two pieces, less than a block, is nobody's and becomes zeros. */
class PlacedWriter {
  readonly #fd: number
  readonly #block: number
  readonly #buffer = Buffer.allocUnsafe(gathered)
  #at = 0
  #filled = 0

  constructor(fd: number, block: number) {
    this.#fd = fd
    this.#block = block
  }

  write(bytes: Uint8Array, position: number): void {
    const gap = position - (this.#at + this.#filled)
    const fits = this.#filled > 0 && gap >= 0 && gap < this.#block && this.#filled + gap + bytes.length <= gathered
    if (!fits) this.flush()
    if (this.#filled === 0) {
      if (bytes.length >= large) {
        this.#writeAll(bytes, position)
        return
      }
      this.#at = position
    } else {
      this.#buffer.fill(0, this.#filled, this.#filled + gap)
      this.#filled += gap
    }
    this.#buffer.set(bytes, this.#filled)
    this.#filled += bytes.length
  }

  flush(): void {
    this.#writeAll(this.#buffer.subarray(0, this.#filled), this.#at)
    this.#filled = 0
  }

  #writeAll(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length; )
      done += writeSync(this.#fd, bytes, done, bytes.length - done, position + done)
  }
}

interface Body {
  readonly header: EntryHeader
  readonly position: number
  /** Bytes of the body that have come. */
  written: number
  /** Of a sparse file. */
  segment: number
  inSegment: number
}

/** Of the entries that come, each has its position. Throws `FileSystemFailed`. Holes stay what the file has there. */
export const writeBodies = ({ file, positions, block }: BodiesTarget, digest: string): OperatorFunction<Part, never> =>
  transduce(() => {
    const attempt = <A>(operation: string, work: () => A): A => {
      try {
        return work()
      } catch (error) {
        throw new FileSystemFailed({ operation, path: file, code: codeOrMessage(error) })
      }
    }
    const corrupt = (problem: string) => new CorruptLayer({ digest, stage: "untar", problem })
    const fd = attempt("open", () => openSync(file, O_WRONLY | O_NOFOLLOW))
    const writer = new PlacedWriter(fd, block)
    let body: Body | undefined
    let at = -1

    const start = (header: EntryHeader) => {
      at += 1
      const position = positions[at]
      if (position === undefined) throw corrupt("it has more entries than when it was read")
      body = { header, position, written: 0, segment: 0, inSegment: 0 }
      return body
    }
    const put = (into: Body, bytes: Uint8Array, offset: number) => {
      if (offset + bytes.length > into.header.size) throw corrupt("a body is longer than its header says")
      attempt("write", () => writer.write(bytes, into.position + offset))
    }
    const write = (into: Body, bytes: Uint8Array) => {
      const { sparse } = into.header
      if (sparse === undefined) {
        put(into, bytes, into.written)
        into.written += bytes.length
        return
      }
      for (let rest = bytes; rest.length > 0; ) {
        const segment = sparse[into.segment]
        if (segment === undefined) return
        const piece = rest.subarray(0, segment.length - into.inSegment)
        put(into, piece, segment.offset + into.inSegment)
        rest = rest.subarray(piece.length)
        into.inSegment += piece.length
        if (into.inSegment < segment.length) continue
        into.segment += 1
        into.inSegment = 0
      }
    }
    return {
      push: (part) => {
        if (part._tag === "Entry") {
          const into = start(part.header)
          if (part.body !== undefined) write(into, part.body)
        } else if (part._tag === "Begin") start(part.header)
        else if (part._tag === "Data" && body !== undefined) write(body, part.chunk)
      },
      end: () => attempt("write", () => writer.flush()),
      close: () => closeSync(fd)
    }
  })
