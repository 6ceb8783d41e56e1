/** The bytes of files: from a file of the store, or from the blob. Each is hashed as it is read. */

import { createHash } from "node:crypto"
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs"
import { codeOf } from "../../api/codeOf.ts"
import { DigestMismatch, isReason } from "../../api/errors.ts"
import { makeInputBudget } from "../compression/decompress.ts"
import { toDisk } from "../Directory.ts"
import { zeros } from "../tar/encodeEntry.ts"
import { compressionOfTable } from "./openTable.ts"
import type { Chunk, PlannedFile } from "./planLayer.ts"
import type { RangeInput } from "./RangeInput.ts"
import type { Content } from "./StoredFiles.ts"
import type { TableForm } from "./Table.ts"
import type { Corrupt } from "./tableEntries.ts"

/** The bytes are valid while they are handed on. */
export type Next = (bytes: Uint8Array) => void

/**
 * Where the bytes of a stored file go. `clone` may take all of them without a copy, and gives a file that has them; they are read there,
 * since nobody else writes to it, and `cloned` hears of them.
 */
export interface StoredBody {
  readonly write: Next
  readonly cloned: Next
  readonly clone: (file: number) => number | undefined
}

/** Bytes of a file from which on cloning it takes less than copying it. */
export const leastCloned = 65_536

const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants

const buffer = Buffer.allocUnsafeSlow(2 ** 18)

const isOfSize = (file: number, size: number): boolean => {
  const stats = fstatSync(file)
  return stats.isFile() && stats.size === size
}

const hashOf = (file: number, size: number, next: Next): string | undefined => {
  const hash = createHash("sha256")
  for (let at = 0; at < size; ) {
    const read = readSync(file, buffer, 0, Math.min(buffer.length, size - at), at)
    if (read === 0) return undefined
    const bytes = buffer.subarray(0, read)
    hash.update(bytes)
    next(bytes)
    at += read
  }
  return hash.digest("hex")
}

const readFile = (file: number, size: number, { write, cloned, clone }: StoredBody): string | undefined => {
  if (!isOfSize(file, size)) return undefined
  const copy = size < leastCloned ? undefined : clone(file)
  if (copy === undefined) return hashOf(file, size, write)
  // It may have grown in between.
  return isOfSize(copy, size) ? hashOf(copy, size, cloned) : undefined
}

/** Whether the file still has this content. If not, what was handed on is not to be used. */
export const readStoredFile = ({ digest, size, found = "" }: Content, body: StoredBody): boolean => {
  let file: number | undefined
  try {
    file = openSync(toDisk(found), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    return readFile(file, size, body) === digest
  } catch (error) {
    // What `body` throws is not a system error of this file's.
    if (!isReason(error) && codeOf(error) !== "") return false
    throw error
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

export interface FetchOptions {
  /** The digest of the layer's blob, for errors. */
  readonly digest: string
  readonly form: TableForm
  readonly input: RangeInput
  readonly corrupt: Corrupt
}

const mismatch = (expected: string, actual: string) =>
  new DigestMismatch({ subject: "file of a layer", expected: `sha256:${expected}`, actual: `sha256:${actual}` })

/** Each piece is decompressed on its own; what comes after its bytes in the same stream is left. */
const fetchChunk = ({ from, to, size, digest, isZeros }: Chunk, options: FetchOptions, next: Next): void => {
  const hash = digest === undefined ? undefined : createHash("sha256")
  let left = size
  const emit = (bytes: Uint8Array) => {
    const piece = bytes.length > left ? bytes.subarray(0, left) : bytes
    if (piece.length === 0) return
    left -= piece.length
    hash?.update(piece)
    next(piece)
  }
  if (isZeros) while (left > 0) emit(zeros)
  else {
    const budget = makeInputBudget()
    const decoder = compressionOfTable[options.form].decode(options.digest, budget)
    try {
      options.input.take(
        from,
        to,
        () => budget.bytes,
        (bytes) => {
          decoder.push(bytes, emit)
          return left > 0
        }
      )
    } finally {
      decoder.close?.()
    }
    if (left > 0) throw options.corrupt(`a file ends ${left} bytes early`)
  }
  const found = hash?.digest("hex")
  if (digest !== undefined && found !== undefined && found !== digest) throw mismatch(digest, found)
}

/** Fails with `DigestMismatch` where the bytes are not what the table says. */
export const fetchFile = ({ content, chunks }: PlannedFile, options: FetchOptions, next: Next): void => {
  const hash = content === undefined ? undefined : createHash("sha256")
  for (const chunk of chunks)
    fetchChunk(chunk, options, (bytes) => {
      hash?.update(bytes)
      next(bytes)
    })
  const found = hash?.digest("hex")
  if (content !== undefined && found !== undefined && found !== content.digest) throw mismatch(content.digest, found)
}
