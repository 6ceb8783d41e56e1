/** What archives say of the inodes of a tree: each a row. */

import { Column } from "../../../../erofs/columns/Column.ts"
import { TextTable } from "../../../../erofs/columns/TextTable.ts"
import type { EntryHeader, EntryType } from "../../../../layer/Entry.ts"

/** What an archive says of an entry, its name and the holes of its body aside. */
export type Facts = Omit<EntryHeader, "path" | "sparse">

const types: ReadonlyArray<Exclude<EntryType, "link">> = [
  "file",
  "directory",
  "symlink",
  "character-device",
  "block-device",
  "fifo"
]
const [file, directory, symlink, character, block] = types.keys()

const noAttributes: EntryHeader["xattrs"] = new Map()

export class FactTable {
  length = 0
  readonly #types = new Column(Uint8Array)
  readonly #modes = new Column(Uint16Array)
  readonly #uids = new Column(Uint32Array)
  readonly #gids = new Column(Uint32Array)
  readonly #seconds = new Column(Float64Array)
  readonly #nanos = new Column(Uint32Array)
  /** Bytes of a file, length of a link's target, a device's major number. */
  readonly #sizes = new Column(Float64Array)
  /** Where the body of a file is, or a link's target; a device's minor number. */
  readonly #places = new Column(Float64Array)
  readonly #targets = new TextTable()
  readonly #xattrs = new Map<number, EntryHeader["xattrs"]>()
  readonly #sparse = new Map<number, EntryHeader["sparse"]>()

  /** `bodyAt`: bytes that its archive stores of the bodies before it. */
  add(header: EntryHeader, bodyAt: number): number {
    const row = this.length++
    this.#place(row, header, bodyAt)
    this.describe(row, header)
    if (header.sparse !== undefined) this.#sparse.set(row, header.sparse)
    return row
  }

  /** The header of another entry, of the same type. */
  describe(row: number, { mode, uid, gid, mtime, xattrs }: EntryHeader): void {
    this.#modes.set(row, mode)
    this.#uids.set(row, uid)
    this.#gids.set(row, gid)
    this.#seconds.set(row, mtime.seconds)
    this.#nanos.set(row, mtime.nanos)
    if (xattrs.size > 0) this.#xattrs.set(row, xattrs)
    else this.#xattrs.delete(row)
  }

  isDirectory(row: number): boolean {
    return this.#types.get(row) === directory
  }

  /** Of a file in bytes; 0 of everything else. */
  size(row: number): number {
    return this.#types.get(row) === file ? this.#sizes.get(row) : 0
  }

  bodyAt(row: number): number {
    return this.#types.get(row) === file ? this.#places.get(row) : 0
  }

  sparse(row: number): EntryHeader["sparse"] {
    return this.#sparse.get(row)
  }

  /** Of a symbolic link, a binary string. */
  target(row: number): string | undefined {
    return this.#types.get(row) === symlink ? this.#targets.get(this.#places.get(row), this.#sizes.get(row)) : undefined
  }

  facts(row: number): Facts {
    return this.header(row, "")
  }

  /** Under a name. One object, made at once: a tree is gone through entry by entry. */
  header(row: number, path: string): EntryHeader {
    const type = this.#types.get(row)
    const isDevice = type === character || type === block
    return {
      path,
      linkPath: this.target(row) ?? "",
      type: types[type] ?? "file",
      mode: this.#modes.get(row),
      uid: this.#uids.get(row),
      gid: this.#gids.get(row),
      size: this.size(row),
      mtime: { seconds: this.#seconds.get(row), nanos: this.#nanos.get(row) },
      devMajor: isDevice ? this.#sizes.get(row) : 0,
      devMinor: isDevice ? this.#places.get(row) : 0,
      xattrs: this.#xattrs.get(row) ?? noAttributes
    }
  }

  #place(row: number, { type, size, linkPath, devMajor, devMinor }: EntryHeader, bodyAt: number): void {
    if (type === "link") throw new Error("a hard link is no inode")
    this.#types.set(row, types.indexOf(type))
    const isDevice = type === "character-device" || type === "block-device"
    this.#sizes.set(row, type === "symlink" ? linkPath.length : isDevice ? devMajor : size)
    this.#places.set(row, type === "symlink" ? this.#targets.add(linkPath) : isDevice ? devMinor : bodyAt)
  }
}
