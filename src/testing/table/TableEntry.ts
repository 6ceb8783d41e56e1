/** An entry of a table of contents, as containers/storage and stargz-snapshotter write it. */
import { createHash } from "node:crypto"
import type { ArchivedEntry } from "./archiveEntries.ts"

export interface TableEntry {
  readonly type: string
  readonly name: string
  readonly linkName?: string
  readonly mode?: number
  readonly size?: number
  readonly uid?: number
  readonly gid?: number
  readonly modtime?: string
  readonly devMajor?: number
  readonly devMinor?: number
  readonly xattrs?: Readonly<Record<string, string>>
  readonly digest?: string
  readonly offset?: number
  readonly endOffset?: number
  readonly chunkSize?: number
  readonly chunkOffset?: number
  readonly chunkDigest?: string
  readonly chunkType?: string
}

export interface LayerTable {
  readonly version: number
  readonly entries: ReadonlyArray<TableEntry>
}

const types: Readonly<Record<string, string>> = {
  0: "reg",
  1: "hardlink",
  2: "symlink",
  3: "char",
  4: "block",
  5: "dir",
  6: "fifo",
  7: "reg"
}

export const sha256 = (bytes: Uint8Array): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`

const rfc3339 = (mtime: string, hasFraction: boolean): string => {
  const [whole = "0", fraction = ""] = mtime.split(".")
  const date = new Date(Number(whole) * 1000).toISOString().slice(0, 19)
  const rest = fraction.replace(/0+$/, "").slice(0, 9)
  return `${date}${rest === "" || !hasFraction ? "" : `.${rest}`}Z`
}

/** The entry of a table. In eStargz, times are whole seconds. */
export const tableEntryOf = (entry: ArchivedEntry, hasFraction: boolean): TableEntry => {
  const { typeflag, name, linkName, mode, uid, gid, mtime, device, xattrs, start, end } = entry
  const type = types[typeflag] ?? "reg"
  const values = Object.entries(xattrs).map(([key, value]) => [key, value.toString("base64")])
  return {
    type,
    name,
    ...(type === "hardlink" || type === "symlink" ? { linkName } : {}),
    mode,
    ...(end > start ? { size: end - start } : {}),
    uid,
    gid,
    modtime: rfc3339(mtime, hasFraction),
    ...(type === "char" || type === "block" ? { devMajor: device[0], devMinor: device[1] } : {}),
    ...(values.length > 0 ? { xattrs: Object.fromEntries(values) } : {})
  }
}
