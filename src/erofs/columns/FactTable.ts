/** What archives say of the inodes of a tree: each a row. */
import type { EntryHeader, EntryType } from "../../layer/Entry.ts"
import { Column } from "./Column.ts"
import { TextTable } from "./TextTable.ts"

/** What an archive says of an entry, its name and the holes of its body aside. */
export type Facts = Omit<EntryHeader, "path" | "sparse">

/** The types of entries that have an inode of their own. */
export type InodeType = Exclude<EntryType, "link">

const types: ReadonlyArray<InodeType> = ["file", "directory", "symlink", "character-device", "block-device", "fifo"]
const [file, directory, symlink, character, block] = types.keys()

const noAttributes: EntryHeader["xattrs"] = new Map()

export class FactTable {
  length = 0
  readonly #types = new Column()
  readonly #modes = new Column()
  readonly #uids = new Column()
  readonly #gids = new Column()
  readonly #seconds = new Column()
  readonly #nanos = new Column()
  /** Bytes of a file, of a link's target, of a directory in an image; a device's major number. */
  readonly #sizes = new Column()
  /** Where the body of a file is, or a link's target; a device's minor number. */
  readonly #places = new Column()
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

  type(row: number): InodeType {
    return types[this.#types.get(row)] ?? "file"
  }

  mode(row: number): number {
    return this.#modes.get(row)
  }

  uid(row: number): number {
    return this.#uids.get(row)
  }

  gid(row: number): number {
    return this.#gids.get(row)
  }

  seconds(row: number): number {
    return this.#seconds.get(row)
  }

  nanos(row: number): number {
    return this.#nanos.get(row)
  }

  xattrs(row: number): EntryHeader["xattrs"] {
    return this.#xattrs.get(row) ?? noAttributes
  }

  isDirectory(row: number): boolean {
    return this.#types.get(row) === directory
  }

  /** The size of a file in bytes; 0 for everything else. */
  size(row: number): number {
    return this.#types.get(row) === file ? this.#sizes.get(row) : 0
  }

  /** Sets the size of a directory in a disk image. */
  setBytes(row: number, bytes: number): void {
    this.#sizes.set(row, bytes)
  }

  /** The bytes of a file, of a link's target, or of a directory once that is known; 0 for everything else. */
  bytes(row: number): number {
    return this.isDevice(row) ? 0 : this.#sizes.get(row)
  }

  isDevice(row: number): boolean {
    const type = this.#types.get(row)
    return type === character || type === block
  }

  major(row: number): number {
    return this.isDevice(row) ? this.#sizes.get(row) : 0
  }

  minor(row: number): number {
    return this.isDevice(row) ? this.#places.get(row) : 0
  }

  bodyAt(row: number): number {
    return this.#types.get(row) === file ? this.#places.get(row) : 0
  }

  sparse(row: number): EntryHeader["sparse"] {
    return this.#sparse.get(row)
  }

  /** The target of a symbolic link, a binary string. */
  target(row: number): string | undefined {
    return this.#types.get(row) === symlink ? this.#targets.get(this.#places.get(row), this.#sizes.get(row)) : undefined
  }

  facts(row: number): Facts {
    return this.header(row, "")
  }

  /** Under a name. One object, made at once: a tree is gone through entry by entry. */
  header(row: number, path: string): EntryHeader {
    return {
      path,
      linkPath: this.target(row) ?? "",
      type: this.type(row),
      mode: this.#modes.get(row),
      uid: this.#uids.get(row),
      gid: this.#gids.get(row),
      size: this.size(row),
      mtime: { seconds: this.#seconds.get(row), nanos: this.#nanos.get(row) },
      devMajor: this.major(row),
      devMinor: this.minor(row),
      xattrs: this.xattrs(row)
    }
  }

  #place(row: number, { type, size, linkPath, devMajor, devMinor }: EntryHeader, bodyAt: number): void {
    if (type === "link") throw new Error("a hard link is not an inode")
    this.#types.set(row, types.indexOf(type))
    const isDevice = type === "character-device" || type === "block-device"
    this.#sizes.set(row, type === "symlink" ? linkPath.length : isDevice ? devMajor : type === "file" ? size : 0)
    this.#places.set(row, type === "symlink" ? this.#targets.add(linkPath) : isDevice ? devMinor : bodyAt)
  }
}
