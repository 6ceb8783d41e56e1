/** The four ways in which GNU tar writes a file with holes: old GNU headers, PAX 0.0, 0.1 and 1.0. */
import { counted } from "../../api/counted.ts"
import { blockBytes, numberAt } from "./HeaderBlock.ts"
import type { Pax } from "./Pax.ts"
import { paxNumber, paxText } from "./Pax.ts"

export interface Segment {
  readonly offset: number
  readonly length: number
}

type Corrupt = (problem: string) => Error

/** The map in an old GNU header (at 386, 4 entries, flag at 482) or its extension (at 0, 21 entries, flag at 504). */
export const oldGnuSegments = (
  block: Buffer,
  extension: boolean
): { readonly segments: ReadonlyArray<Segment>; readonly more: boolean } => {
  const [first, count, flag] = extension ? [0, 21, 504] : [386, 4, 482]
  const segments: Array<Segment> = []
  for (let i = 0; i < count; i++) {
    const at = first + i * 24
    if (block[at] === 0) break
    segments.push({ offset: numberAt(block, at, 12), length: numberAt(block, at + 12, 12) })
  }
  return { segments, more: block[flag] !== 0 }
}

/** How a PAX entry's holes are told, if it has any. */
export type PaxSparse =
  | { readonly map: "header"; readonly segments: ReadonlyArray<Segment>; readonly size: number }
  | { readonly map: "body"; readonly size: number }

const pairUp = (numbers: ReadonlyArray<number>): ReadonlyArray<Segment> => {
  const segments: Array<Segment> = []
  for (let i = 0; i + 1 < numbers.length; i += 2)
    segments.push({ offset: numbers[i] ?? 0, length: numbers[i + 1] ?? 0 })
  return segments
}

const sparseKeywords = ["map", "offset", "numbytes", "numblocks", "size", "realsize", "name"].map(
  (word) => `GNU.sparse.${word}`
)

const decimal = (text: string): number => (/^\d{1,16}$/.test(text) ? Number(text) : Number.NaN)

export const paxSparse = (pax: Pax, corrupt: Corrupt): PaxSparse | undefined => {
  const major = paxText(pax, "GNU.sparse.major")
  const minor = paxText(pax, "GNU.sparse.minor")
  const [size, second] = ["GNU.sparse.realsize", "GNU.sparse.size"]
    .map((keyword) => paxNumber(pax, keyword, corrupt))
    .filter((number) => number !== undefined)
  if (second !== undefined && size !== second) throw corrupt("a sparse file with two sizes")
  const version = major === undefined && minor === undefined ? undefined : `${major}.${minor}`
  // Any word of holes makes the entry sparse: Go ignores some that stand alone, GNU tar and others do not.
  if (version === undefined && !sparseKeywords.some((keyword) => pax.records.has(keyword))) return undefined
  if (version !== undefined && !["0.0", "0.1", "1.0"].includes(version))
    throw corrupt(`a sparse file of format ${version}, which is unknown`)
  if (size === undefined) throw corrupt("a sparse file without its size")
  if (version === "1.0") return { map: "body", size }
  const text = paxText(pax, "GNU.sparse.map")
  if (text !== undefined && pax.pairs.length > 0) throw corrupt("a sparse file with two maps")
  const numbers = (text === undefined ? pax.pairs : text.split(",")).map(decimal)
  const count = paxNumber(pax, "GNU.sparse.numblocks", corrupt)
  if (numbers.length % 2 !== 0 || (count !== undefined && count * 2 !== numbers.length))
    throw corrupt("a sparse map of a wrong length")
  return { map: "header", segments: pairUp(numbers), size }
}

/** Reads the map of format 1.0, which stands before the data as lines of decimals and fills whole blocks. */
export class SparseMapText {
  #line = ""
  readonly #numbers: Array<number> = []

  /** Takes one block; gives the segments once the map is whole. */
  take(block: Buffer, corrupt: Corrupt): ReadonlyArray<Segment> | undefined {
    for (let i = 0; i < blockBytes; i++) {
      if (block[i] !== 0x0a) {
        this.#line += String.fromCharCode(block[i] ?? 0)
        if (this.#line.length > 20) throw corrupt("a sparse map that is not a list of numbers")
        continue
      }
      this.#numbers.push(decimal(this.#line))
      this.#line = ""
      const count = this.#numbers[0] ?? Number.NaN
      if (Number.isNaN(count)) throw corrupt("a sparse map without a count")
      if (this.#numbers.length === 1 + 2 * count) return pairUp(this.#numbers.slice(1))
    }
    return undefined
  }
}

/**
 * Segments in rising order that lie within the file and add up to the bytes that are stored: anything else is read
 * differently by different readers. Empty ones, which mark the end, are left out.
 */
export const checkSegments = (
  segments: ReadonlyArray<Segment>,
  size: number,
  stored: number,
  corrupt: Corrupt
): ReadonlyArray<Segment> => {
  let end = 0
  let sum = 0
  for (const { offset, length } of segments) {
    if (!(offset >= end && length >= 0 && offset + length <= size)) throw corrupt("a sparse map out of order or bounds")
    end = offset + length
    sum += length
  }
  if (sum !== stored) throw corrupt(`a sparse file that stores ${counted(stored, "byte")} where its map says ${sum}`)
  return segments.filter(({ length }) => length > 0)
}
