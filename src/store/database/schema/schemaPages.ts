/**
 * Checks the pages of a database file's schema before SQLite reads them. SQLite walks them at its first statement, and
 * nothing can stop it: pages that refer to each other would keep it busy for ever. See SQLite's "Database File Format",
 * 1.3 and 1.6.
 */
import { isError } from "../../../api/codeOf.ts"

const magic = "SQLite format 3\0"
const headerBytes = 100
const interior = 0x05
const leaf = 0x0d

/** The catalogue has some 20 objects, whose statements have some 5 KB. */
const mostObjects = 1000
const mostBytes = 2 ** 20

interface Page {
  readonly children: ReadonlyArray<number>
  /** Bytes of each record on it. */
  readonly records: ReadonlyArray<number>
}

/** A varint, as far as a size of ours can reach. */
const varint = (bytes: DataView, at: number): number => {
  let value = 0
  for (let i = 0; i < 4; i++) {
    const byte = bytes.getUint8(at + i)
    value = value * 128 + (byte & 0x7f)
    if (byte < 0x80) return value
  }
  return Number.POSITIVE_INFINITY
}

/** `undefined` if it is not a table's page. */
const readPage = (page: DataView, header: number): Page | undefined => {
  const type = page.getUint8(header)
  if (type !== interior && type !== leaf) return undefined
  const pointers = header + (type === interior ? 12 : 8)
  const cells = Array.from({ length: page.getUint16(header + 3) }, (_, i) => page.getUint16(pointers + 2 * i))
  return type === leaf
    ? { children: [], records: cells.map((cell) => varint(page, cell)) }
    : { children: [...cells.map((cell) => page.getUint32(cell)), page.getUint32(header + 8)], records: [] }
}

const walk = (bytes: Uint8Array): string | undefined => {
  if (Buffer.from(bytes.subarray(0, magic.length)).toString("latin1") !== magic) return "it is not a database"
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const told = view.getUint16(16)
  const size = told === 1 ? 65_536 : told
  if (size < 512 || (size & (size - 1)) !== 0) return "its pages have no size"
  const seen = new Set<number>()
  const pending = [1]
  let [objects, total] = [0, 0]
  for (let number = pending.pop(); number !== undefined; number = pending.pop()) {
    if (number === 0 || number * size > bytes.length || seen.has(number)) return "its schema's pages are not a tree"
    seen.add(number)
    const start = (number - 1) * size
    const page = new DataView(bytes.buffer, bytes.byteOffset + start, size)
    const read = readPage(page, number === 1 ? headerBytes : 0)
    if (read === undefined) return "its schema is not a table"
    pending.push(...read.children)
    objects += read.records.length + read.children.length
    for (const record of read.records) total += record
    if (objects > mostObjects || total > mostBytes) return "its schema is not the catalogue's"
  }
  return undefined
}

/** What is wrong with the schema's pages; `undefined` where SQLite may read them. */
export const schemaPagesProblem = (bytes: Uint8Array): string | undefined => {
  try {
    return walk(bytes)
  } catch (error) {
    if (isError(error) && error.name === "RangeError") return "it is cut short"
    throw error
  }
}
