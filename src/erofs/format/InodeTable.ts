/** All inodes of an image, in columns: there may be millions, and an object for each would take several times the memory. */
import type { EntryHeader } from "../../layer/Entry.ts"
import { fits } from "../unsupported.ts"

/** `struct erofs_inode_extended`: alone of the two forms it has 32-bit owners, sizes beyond 4 GiB, and a time of its own. */
export const inodeBytes = 64

/** The index of an inode: in the order in which they were first named, which is that of the image. The root is 0. */
export type Ino = number

const perPage = 16_384

/** `S_IFMT`, and `file_type` of a directory entry. */
export const kinds = {
  file: [0o100000, 1],
  directory: [0o040000, 2],
  "character-device": [0o020000, 3],
  "block-device": [0o060000, 4],
  fifo: [0o010000, 5],
  symlink: [0o120000, 7]
} as const

const fileTypes = new Map(Object.values(kinds).map(([bits, fileType]) => [bits as number, fileType as number]))

export type Layout = "plain" | "inline"

/** `EROFS_INODE_FLAT_PLAIN` and `_INLINE`, with the bit of the extended form. */
const formats: Readonly<Record<Layout, number>> = { plain: 1 | (0 << 1), inline: 1 | (2 << 1) }

/** Linux's `new_encode_dev`: 12 bits of major number, 20 bits of minor number. */
const deviceOf = ({ path, type, devMajor, devMinor }: EntryHeader): number => {
  if (type !== "character-device" && type !== "block-device") return 0
  fits(path, devMajor, 0xfff, "its major number")
  fits(path, devMinor, 0xfffff, "its minor number")
  return ((devMinor & 0xff) | (devMajor << 8) | ((devMinor & 0xfff00) << 12)) >>> 0
}

export class InodeTable {
  readonly #pages: Array<Buffer> = []
  #length = 0
  /** Of those that have any: encoded. */
  readonly xattrs = new Map<Ino, Uint8Array>()
  /** Targets of symbolic links, as binary strings. */
  readonly targets = new Map<Ino, string>()

  get length(): number {
    return this.#length
  }

  /** Its 64 bytes as they are written. The memory is the table's. */
  record(ino: Ino): Buffer {
    const at = (ino % perPage) * inodeBytes
    return (this.#pages[Math.floor(ino / perPage)] as Buffer).subarray(at, at + inodeBytes)
  }

  add(header: EntryHeader): Ino {
    const ino = this.#length
    if (ino % perPage === 0) this.#pages.push(Buffer.alloc(perPage * inodeBytes))
    this.#length += 1
    const record = this.record(ino)
    record.writeUInt32LE(ino + 1, 20)
    record.writeUInt32LE(1, 44)
    this.describe(ino, header)
    return ino
  }

  /** What the header says; the inode's number and its links stay. */
  describe(ino: Ino, header: EntryHeader): void {
    const { type, mode, uid, gid, size, mtime } = header
    if (type === "link") throw new Error("a hard link is no inode")
    const record = this.record(ino)
    record.writeUInt16LE(kinds[type][0] | (mode & 0o7777), 4)
    record.writeBigUInt64LE(BigInt(type === "file" ? size : 0), 8)
    record.writeUInt32LE(deviceOf(header), 16)
    record.writeUInt32LE(uid, 24)
    record.writeUInt32LE(gid, 28)
    record.writeBigInt64LE(BigInt(mtime.seconds), 32)
    record.writeUInt32LE(mtime.nanos, 40)
  }

  addLink(ino: Ino): void {
    const record = this.record(ino)
    record.writeUInt32LE(record.readUInt32LE(44) + 1, 44)
  }

  fileType(ino: Ino): number {
    return fileTypes.get(this.record(ino).readUInt16LE(4) & 0o170000) ?? 0
  }

  isFile(ino: Ino): boolean {
    return (this.record(ino).readUInt16LE(4) & 0o170000) === kinds.file[0]
  }

  size(ino: Ino): number {
    return Number(this.record(ino).readBigUInt64LE(8))
  }

  setSize(ino: Ino, size: number): void {
    this.record(ino).writeBigUInt64LE(BigInt(size), 8)
  }

  /** The address of the first whole block of its bytes. */
  block(ino: Ino): number {
    return this.record(ino).readUInt32LE(16)
  }

  /** Inode and attributes. */
  headBytes(ino: Ino): number {
    return inodeBytes + (this.xattrs.get(ino)?.length ?? 0)
  }

  isInline(ino: Ino): boolean {
    return this.record(ino).readUInt16LE(0) === formats.inline
  }

  place(ino: Ino, layout: Layout, block: number | undefined): void {
    const record = this.record(ino)
    record.writeUInt16LE(formats[layout], 0)
    const attributes = this.xattrs.get(ino)?.length ?? 0
    // One for the header of 12 bytes, then units of 4.
    record.writeUInt16LE(attributes === 0 ? 0 : (attributes - 12) / 4 + 1, 2)
    if (block !== undefined) record.writeUInt32LE(block, 16)
  }

  /** All records, page by page. */
  *pages(): Iterable<Buffer> {
    for (const [at, page] of this.#pages.entries())
      yield page.subarray(0, Math.min(perPage, this.#length - at * perPage) * inodeBytes)
  }
}
