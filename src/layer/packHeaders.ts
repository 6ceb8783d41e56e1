/** Many headers as few values: an object of its own for each would be most of what a message costs. */
import type { EntryHeader, EntryType } from "./Entry.ts"

/** In the order of the entries. */
export interface PackedHeaders {
  readonly paths: ReadonlyArray<string>
  /** Of links alone. */
  readonly linkPaths: ReadonlyArray<string>
  readonly numbers: Float64Array
  /** Of those that have any. */
  readonly rest: ReadonlyArray<{ readonly at: number } & Pick<EntryHeader, "xattrs" | "sparse">>
}

const types: ReadonlyArray<EntryType> = [
  "file",
  "directory",
  "symlink",
  "link",
  "character-device",
  "block-device",
  "fifo"
]

/** Numbers of a header. */
const width = 9

export const packHeaders = (headers: ReadonlyArray<EntryHeader>): PackedHeaders => {
  const numbers = new Float64Array(headers.length * width)
  const linkPaths: Array<string> = []
  const rest: Array<PackedHeaders["rest"][number]> = []
  for (const [at, header] of headers.entries()) {
    const { type, mode, uid, gid, size, mtime, devMajor, devMinor, linkPath, xattrs, sparse } = header
    const { seconds, nanos } = mtime
    numbers.set([types.indexOf(type), mode, uid, gid, size, seconds, nanos, devMajor, devMinor], at * width)
    if (type === "symlink" || type === "link") linkPaths.push(linkPath)
    if (xattrs.size > 0 || sparse !== undefined) rest.push({ at, xattrs, ...(sparse && { sparse }) })
  }
  return { paths: headers.map(({ path }) => path), linkPaths, numbers, rest }
}

const noXattrs: EntryHeader["xattrs"] = new Map()

/** As V8 holds it in its place, where it can: what comes from an array of doubles would be an object of its own. */
const inPlace = (value: number): number => (value === (value | 0) ? value | 0 : value)

/** Headers beside each other that have the same time, and all that have no attributes, share what says so. */
export const unpackHeaders = function* ({ paths, linkPaths, numbers, rest }: PackedHeaders): Generator<EntryHeader> {
  let mtime: EntryHeader["mtime"] = { seconds: 0, nanos: 0 }
  let [link, further] = [0, 0]
  for (const [at, path] of paths.entries()) {
    const number = (field: number) => inPlace(numbers[at * width + field] ?? 0)
    const type = types[number(0)] ?? "file"
    if (mtime.seconds !== number(5) || mtime.nanos !== number(6)) mtime = { seconds: number(5), nanos: number(6) }
    const more = rest[further]?.at === at ? rest[further++] : undefined
    const header: EntryHeader = {
      path,
      linkPath: type === "symlink" || type === "link" ? (linkPaths[link++] ?? "") : "",
      type,
      mode: number(1),
      uid: number(2),
      gid: number(3),
      size: number(4),
      mtime,
      devMajor: number(7),
      devMinor: number(8),
      xattrs: more?.xattrs ?? noXattrs
    }
    yield more?.sparse === undefined ? header : { ...header, sparse: more.sparse }
  }
}
