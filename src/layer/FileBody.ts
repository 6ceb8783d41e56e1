import { closeSync, ftruncateSync, writeSync } from "node:fs"
import type { EntryHeader } from "./Entry.ts"

/** An open file that takes its body in pieces. */
export interface FileBody {
  readonly fd: number
  readonly path: string
  readonly header: EntryHeader
  readonly write: (chunk: Uint8Array) => void
  /** All bytes are there: gives the holes their size. */
  readonly complete: () => void
  readonly close: () => void
}

const writeAll = (fd: number, bytes: Uint8Array, position: number | null): void => {
  for (let done = 0; done < bytes.byteLength; ) {
    done += writeSync(fd, bytes, done, bytes.byteLength - done, position === null ? null : position + done)
  }
}

/** `refuse` makes the error for a body that is not what its header says. */
export const makeFileBody = (
  fd: number,
  path: string,
  header: EntryHeader,
  refuse: (problem: string) => Error
): FileBody => {
  const { size, sparse } = header
  const expected = sparse === undefined ? size : sparse.reduce((sum, { length }) => sum + length, 0)
  let written = 0
  let segment = 0
  let within = 0

  const scatter = (segments: NonNullable<typeof sparse>, bytes: Uint8Array) => {
    let rest = bytes
    while (rest.byteLength > 0) {
      const place = segments[segment]
      if (place === undefined) throw refuse("its body is longer than its sparse map")
      const part = rest.subarray(0, place.length - within)
      writeAll(fd, part, place.offset + within)
      within += part.byteLength
      rest = rest.subarray(part.byteLength)
      if (within === place.length) {
        segment += 1
        within = 0
      }
    }
  }

  return {
    fd,
    path,
    header,
    write: (chunk) => {
      written += chunk.byteLength
      if (written > expected) throw refuse(`its body is longer than the ${expected} bytes its header says`)
      if (sparse === undefined) writeAll(fd, chunk, null)
      else scatter(sparse, chunk)
    },
    complete: () => {
      if (written !== expected) throw refuse(`its body has ${written} bytes where its header says ${expected}`)
      if (sparse !== undefined) ftruncateSync(fd, size)
    },
    close: () => closeSync(fd)
  }
}

/** Segments in rising order, apart, and inside the file. */
export const isSparseMap = ({ size, sparse }: EntryHeader): boolean => {
  let end = 0
  for (const { offset, length } of sparse ?? []) {
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || length < 0 || offset < end) return false
    end = offset + length
  }
  return end <= size
}
