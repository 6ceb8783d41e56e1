/** A table of contents: its bytes, the first ones that a worker gets of a layer that has one → its JSON, proven. */
import { createHash } from "node:crypto"
import type { Limits } from "../../api/config.ts"
import { DigestMismatch } from "../../api/errors.ts"
import type { Compression } from "../compression/Compression.ts"
import { makeInputBudget } from "../compression/decompress.ts"
import { gzip } from "../compression/gunzip.ts"
import { zstd } from "../compression/unzstd.ts"
import { atMost } from "../limits.ts"
import { ArchiveReader } from "../tar/ArchiveReader.ts"
import type { RangeInput } from "./RangeInput.ts"
import type { TableForm, TablePlace } from "./Table.ts"
import type { Corrupt } from "./tableEntries.ts"

export interface TableContext {
  /** The digest of the layer's blob, for errors. */
  readonly digest: string
  readonly limits: Limits
  readonly corrupt: Corrupt
}

export const compressionOfTable: Readonly<Record<TableForm, Compression>> = { "zstd:chunked": zstd, estargz: gzip }

/** The name of an eStargz table in its own archive. */
export const tableName = "stargz.index.json"

const pieceBytes = 65_536

/** Takes the bytes of the table, as they are in the blob. */
const takeTable = (input: RangeInput, { offset, length }: TablePlace, { digest, limits }: TableContext): Buffer => {
  // What cannot be compressed becomes a little larger.
  if (length > limits.tableBytes + limits.tableBytes / 64 + 4096)
    atMost(limits, "tableBytes", length, () => `layer ${digest}`)
  const range = { from: offset, to: offset + length }
  const table = Buffer.allocUnsafeSlow(length)
  let at = 0
  input.expect([range])
  const take = (bytes: Uint8Array) => {
    table.set(bytes, at)
    at += bytes.length
    return true
  }
  input.take(range.from, range.to, () => pieceBytes, take)
  return table
}

const prove = (bytes: Uint8Array, expected: string): void => {
  const actual = `sha256:${createHash("sha256").update(bytes).digest("hex")}`
  if (actual !== expected) throw new DigestMismatch({ subject: "table of contents", expected, actual })
}

/** All that a table's bytes decompress to; more than `most` bytes are `LimitExceeded`. */
const inflate = (form: TableForm, bytes: Uint8Array, most: number, { digest, limits }: TableContext): Buffer => {
  const budget = makeInputBudget()
  const decoder = compressionOfTable[form].decode(digest, budget)
  // One piece of memory: a table of small frames comes in millions of pieces.
  let all = Buffer.alloc(Math.min(most, 4 * bytes.length))
  let inflated = 0
  const next = (piece: Uint8Array) => {
    const at = inflated
    inflated += piece.length
    if (inflated > most)
      atMost(limits, "tableBytes", Math.max(inflated, limits.tableBytes + 1), () => `layer ${digest}`)
    if (inflated > all.length) all = Buffer.concat([all], Math.min(most, 2 * inflated))
    all.set(piece, at)
  }
  try {
    for (let at = 0, taken = 0; at < bytes.length; at += taken) {
      taken = budget.bytes
      decoder.push(bytes.subarray(at, at + taken), next)
    }
    decoder.end(next)
  } finally {
    decoder.close?.()
  }
  return all.subarray(0, inflated)
}

/** What an archive of one file holds. */
const bodyIn = (archive: Buffer, { digest, limits, corrupt }: TableContext): Buffer => {
  let [body, isTable]: [Buffer | undefined, boolean] = [undefined, false]
  const pieces: Array<Uint8Array> = []
  const reader = new ArchiveReader({ digest, limits, warn: () => {} })
  reader.push(archive, (part) => {
    if (part._tag === "Entry" || part._tag === "Begin") isTable = part.header.path === tableName
    if (isTable && part._tag === "Entry" && part.body !== undefined) pieces.push(part.body)
    if (isTable && part._tag === "Data") pieces.push(part.chunk)
    if (isTable && (part._tag === "Entry" || part._tag === "End")) body ??= Buffer.concat(pieces)
  })
  if (body === undefined) throw corrupt("there is no table of contents where its footer says")
  return body
}

export const openTable = (place: TablePlace, input: RangeInput, context: TableContext): Buffer => {
  const { form, digest } = place
  const bytes = takeTable(input, place, context)
  const most = context.limits.tableBytes
  if (form === "zstd:chunked") {
    prove(bytes, digest)
    return inflate(form, bytes, most, context)
  }
  // Its archive: a header, the padding, two blocks of zeros.
  const json = bodyIn(inflate(form, bytes, most + 4096, context), context)
  prove(json, digest)
  return json
}
