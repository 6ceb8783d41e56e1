import { closeSync, ftruncateSync, writeSync } from "node:fs"
import { counted } from "../../api/counted.ts"
import { native } from "../../fs/native.ts"
import type { EntryHeader } from "../Entry.ts"

/** `position` null: after what was written last. */
const writeAll = (fd: number, bytes: Uint8Array, position: number | null): void => {
  for (let done = 0; done < bytes.byteLength; ) {
    done += writeSync(fd, bytes, done, bytes.byteLength - done, position === null ? null : position + done)
  }
}

/** An open file that takes its body in pieces. A class, since there is one for each of a layer's files. */
export class FileBody {
  readonly fd: number
  /** Absolute, a binary string. */
  readonly path: string
  readonly header: EntryHeader
  /** Makes the error for a body that is not what its header says. */
  readonly #refuse: (problem: string) => Error
  readonly #expected: number
  #written = 0
  #segment = 0
  #inSegment = 0

  constructor(fd: number, path: string, header: EntryHeader, refuse: (problem: string) => Error) {
    this.fd = fd
    this.path = path
    this.header = header
    this.#refuse = refuse
    this.#expected = header.sparse?.reduce((sum, { length }) => sum + length, 0) ?? header.size
  }

  write(chunk: Uint8Array): void {
    this.#written += chunk.byteLength
    if (this.#written > this.#expected) {
      throw this.#refuse(`its body is longer than the ${counted(this.#expected, "byte")} its header says`)
    }
    if (this.header.sparse === undefined) writeAll(this.fd, chunk, null)
    else this.#scatter(this.header.sparse, chunk)
  }

  /** The whole body at once, on the blocks of an open file. False: nothing is written. */
  clone(source: number): boolean {
    const { cloneFile } = native
    if (cloneFile === undefined || this.header.sparse !== undefined) return false
    if (cloneFile(this.fd, source) !== undefined) {
      // XFS may have shared a part before it failed.
      ftruncateSync(this.fd, 0)
      return false
    }
    this.#written = this.#expected
    return true
  }

  /** To be called after the last byte: gives a sparse file its full size. */
  complete(): void {
    if (this.#written !== this.#expected) {
      throw this.#refuse(`its body has ${counted(this.#written, "byte")} where its header says ${this.#expected}`)
    }
    if (this.header.sparse !== undefined) ftruncateSync(this.fd, this.header.size)
  }

  close(): void {
    closeSync(this.fd)
  }

  #scatter(segments: NonNullable<EntryHeader["sparse"]>, bytes: Uint8Array): void {
    let rest = bytes
    while (rest.byteLength > 0) {
      const place = segments[this.#segment]
      if (place === undefined) throw this.#refuse("its body is longer than its sparse map")
      const part = rest.subarray(0, place.length - this.#inSegment)
      writeAll(this.fd, part, place.offset + this.#inSegment)
      this.#inSegment += part.byteLength
      rest = rest.subarray(part.byteLength)
      if (this.#inSegment === place.length) {
        this.#segment += 1
        this.#inSegment = 0
      }
    }
  }
}
