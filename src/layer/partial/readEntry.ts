/** An entry of a table → what the archive's entry is, and where its bytes are. Both forms have the same members. */
import type { EntryHeader, EntryType } from "../Entry.ts"
import { type Corrupt, memberOf } from "./tableEntries.ts"

/** Bytes of a file that come one after another in the blob, compressed on their own. */
export interface Piece {
  /** Where they are in the blob. Absent where no bytes are: of an empty file. */
  readonly offset: number | undefined
  /** Where they end in the blob, if the table says so. */
  readonly end: number | undefined
  /** Where they begin in the file. */
  readonly position: number
  /** Bytes of the file; absent: up to its end. */
  readonly size: number | undefined
  /** The SHA-256 of the file's bytes, in hexadecimal. */
  readonly digest: string | undefined
  readonly isZeros: boolean
}

export type TableEntry =
  | { readonly is: "entry"; readonly header: EntryHeader }
  | { readonly is: "file"; readonly header: EntryHeader; readonly digest: string | undefined; readonly piece: Piece }
  | { readonly is: "chunk"; readonly path: string; readonly piece: Piece }

const types: ReadonlyMap<unknown, EntryType> = new Map<unknown, EntryType>([
  ["reg", "file"],
  ["dir", "directory"],
  ["symlink", "symlink"],
  ["hardlink", "link"],
  ["char", "character-device"],
  ["block", "block-device"],
  ["fifo", "fifo"]
])

const wrong = (name: string) => `an entry of its table of contents has an invalid \`${name}\``

const numberOf = (value: unknown, name: string, corrupt: Corrupt): number | undefined => {
  const found = memberOf(value, name) ?? undefined
  if (found === undefined) return undefined
  if (typeof found !== "number" || !Number.isSafeInteger(found) || found < 0) throw corrupt(wrong(name))
  return found
}

const textOf = (value: unknown, name: string, corrupt: Corrupt): string => {
  const found = memberOf(value, name) ?? ""
  if (typeof found !== "string") throw corrupt(wrong(name))
  return found
}

/** JSON is UTF-8: a name that is not was changed when the table was made, and cannot be told from it. */
const nameOf = (value: unknown, name: string, corrupt: Corrupt): string => {
  const found = textOf(value, name, corrupt)
  if (/[\ufffd\0]|\p{Surrogate}/u.test(found)) throw corrupt(wrong(name))
  return Buffer.from(found).toString("latin1")
}

const digestOf = (value: unknown, name: string, corrupt: Corrupt): string | undefined => {
  const found = textOf(value, name, corrupt)
  if (found === "") return undefined
  const [, hex] = /^sha256:([0-9a-f]{64})$/.exec(found) ?? []
  if (hex === undefined) throw corrupt(wrong(name))
  return hex
}

const time = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/

/** RFC 3339. */
const timeOf = (value: unknown, corrupt: Corrupt): EntryHeader["mtime"] => {
  const found = textOf(value, "modtime", corrupt)
  if (found === "") return { seconds: 0, nanos: 0 }
  const [, date = "", fraction = "", zone = ""] = time.exec(found) ?? []
  const seconds = Date.parse(`${date}${zone}`) / 1000
  if (!Number.isSafeInteger(seconds)) throw corrupt(wrong("modtime"))
  return { seconds, nanos: Number(fraction.padEnd(9, "0")) }
}

const attributesOf = (value: unknown, corrupt: Corrupt): EntryHeader["xattrs"] => {
  const found = memberOf(value, "xattrs") ?? {}
  if (typeof found !== "object") throw corrupt(wrong("xattrs"))
  const attributes = new Map<string, Uint8Array>()
  for (const [name, text] of Object.entries(found)) {
    if (typeof text !== "string") throw corrupt(wrong("xattrs"))
    attributes.set(Buffer.from(name).toString("latin1"), Buffer.from(text, "base64"))
  }
  return attributes
}

const pieceOf = (value: unknown, digest: string | undefined, corrupt: Corrupt): Piece => {
  if (numberOf(value, "innerOffset", corrupt)) throw corrupt("its table of contents has several files in one stream")
  const type = textOf(value, "chunkType", corrupt)
  if (type !== "" && type !== "zeros") throw corrupt(wrong("chunkType"))
  const [offset, end] = [numberOf(value, "offset", corrupt), numberOf(value, "endOffset", corrupt)]
  return {
    offset: offset || undefined,
    end: end || undefined,
    position: numberOf(value, "chunkOffset", corrupt) ?? 0,
    size: numberOf(value, "chunkSize", corrupt) || undefined,
    digest: digestOf(value, "chunkDigest", corrupt) ?? digest,
    isZeros: type === "zeros"
  }
}

/** Limits and names are judged where the entry is applied, as those of archives are. */
export const readEntry = (value: unknown, corrupt: Corrupt): TableEntry => {
  const kind = memberOf(value, "type")
  const path = nameOf(value, "name", corrupt)
  if (kind === "chunk") return { is: "chunk", path, piece: pieceOf(value, undefined, corrupt) }
  const type = types.get(kind)
  if (type === undefined || path === "") throw corrupt(wrong(type === undefined ? "type" : "name"))
  const isLink = type === "link" || type === "symlink"
  const isDevice = type === "character-device" || type === "block-device"
  const header: EntryHeader = {
    path,
    linkPath: isLink ? nameOf(value, "linkName", corrupt) : "",
    type,
    mode: (numberOf(value, "mode", corrupt) ?? 0) & 0o7777,
    uid: numberOf(value, "uid", corrupt) ?? 0,
    gid: numberOf(value, "gid", corrupt) ?? 0,
    size: type === "file" ? (numberOf(value, "size", corrupt) ?? 0) : 0,
    mtime: timeOf(value, corrupt),
    devMajor: isDevice ? (numberOf(value, "devMajor", corrupt) ?? 0) : 0,
    devMinor: isDevice ? (numberOf(value, "devMinor", corrupt) ?? 0) : 0,
    xattrs: attributesOf(value, corrupt)
  }
  if (type !== "file") return { is: "entry", header }
  return { is: "file", header, digest: digestOf(value, "digest", corrupt), piece: pieceOf(value, undefined, corrupt) }
}
