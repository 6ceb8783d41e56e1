/** All inodes of an image, in columns: there may be millions, and an object for each would take several times the memory. */
import type { EntryHeader } from "../../layer/Entry.ts"
import {
  type DataLayout,
  inodeFields as fields,
  inodeBytes,
  inodeFormats,
  kinds,
  typeMask,
  xattrHeaderBytes
} from "../../layer/erofs/format.ts"
import { fits } from "../unsupported.ts"

/** The index of an inode: in the order in which they were first named, which is that of the image. The root is 0. */
export type Ino = number

const perPage = 16_384

const fileTypes = new Map(Object.values(kinds).map(([bits, fileType]) => [bits as number, fileType as number]))

/** Linux's `new_encode_dev`: 12 bits of major number, 20 bits of minor number. */
const deviceOf = ({ path, type, devMajor, devMinor }: EntryHeader): number => {
  if (type !== "character-device" && type !== "block-device") return 0
  fits(path, devMajor, 0xfff, "its major number")
  fits(path, devMinor, 0xfffff, "its minor number")
  return ((devMinor & 0xff) | (devMajor << 8) | ((devMinor & 0xfff00) << 12)) >>> 0
}

/** In the reserved bytes, which are zeros when it is written: what is to be remembered of a file until then. */
const pathSumAt = fields.reserved

/** Within its page. */
const offsetOf = (ino: Ino): number => (ino % perPage) * inodeBytes

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

  /** No view for each inode: a million of them would be garbage for the collector. */
  #page(ino: Ino): Buffer {
    return this.#pages[Math.floor(ino / perPage)] as Buffer
  }

  #get16(ino: Ino, field: number): number {
    return this.#page(ino).readUInt16LE(offsetOf(ino) + field)
  }

  #get32(ino: Ino, field: number): number {
    return this.#page(ino).readUInt32LE(offsetOf(ino) + field)
  }

  #set16(ino: Ino, field: number, value: number): void {
    this.#page(ino).writeUInt16LE(value, offsetOf(ino) + field)
  }

  #set32(ino: Ino, field: number, value: number): void {
    this.#page(ino).writeUInt32LE(value, offsetOf(ino) + field)
  }

  /** A whole number, perhaps negative, in two's complement. */
  #set64(ino: Ino, field: number, value: number): void {
    const high = Math.floor(value / 2 ** 32)
    this.#set32(ino, field, value - high * 2 ** 32)
    this.#set32(ino, field + 4, high >>> 0)
  }

  add(header: EntryHeader): Ino {
    const ino = this.#length
    if (ino % perPage === 0) this.#pages.push(Buffer.alloc(perPage * inodeBytes))
    this.#length += 1
    this.#set32(ino, fields.ino, ino + 1)
    this.#set32(ino, fields.nlink, 1)
    this.describe(ino, header)
    return ino
  }

  /** What the header says; the inode's number and its links stay. */
  describe(ino: Ino, header: EntryHeader): void {
    const { type, mode, uid, gid, size, mtime } = header
    if (type === "link") throw new Error("a hard link is no inode")
    this.#set16(ino, fields.mode, kinds[type][0] | (mode & 0o7777))
    this.setSize(ino, type === "file" ? size : 0)
    this.#set32(ino, fields.union, deviceOf(header))
    this.#set32(ino, fields.uid, uid)
    this.#set32(ino, fields.gid, gid)
    this.#set64(ino, fields.mtime, mtime.seconds)
    this.#set32(ino, fields.nanos, mtime.nanos)
  }

  addLink(ino: Ino): void {
    this.#set32(ino, fields.nlink, this.#get32(ino, fields.nlink) + 1)
  }

  fileType(ino: Ino): number {
    return fileTypes.get(this.#get16(ino, fields.mode) & typeMask) ?? 0
  }

  isFile(ino: Ino): boolean {
    return (this.#get16(ino, fields.mode) & typeMask) === kinds.file[0]
  }

  isDirectory(ino: Ino): boolean {
    return (this.#get16(ino, fields.mode) & typeMask) === kinds.directory[0]
  }

  /** CRC of the path that a file with bytes was described with: it tells two files apart whose bytes come in another order. */
  pathSum(ino: Ino): number {
    return this.#get32(ino, pathSumAt)
  }

  setPathSum(ino: Ino, sum: number): void {
    this.#set32(ino, pathSumAt, sum)
  }

  size(ino: Ino): number {
    return this.#get32(ino, fields.size + 4) * 2 ** 32 + this.#get32(ino, fields.size)
  }

  setSize(ino: Ino, size: number): void {
    this.#set64(ino, fields.size, size)
  }

  /** The address of the first whole block of its bytes. */
  block(ino: Ino): number {
    return this.#get32(ino, fields.union)
  }

  /** Inode and attributes. */
  headBytes(ino: Ino): number {
    return inodeBytes + (this.xattrs.get(ino)?.length ?? 0)
  }

  isInline(ino: Ino): boolean {
    return this.#get16(ino, fields.format) === inodeFormats.inline
  }

  place(ino: Ino, layout: DataLayout, block: number | undefined): void {
    this.#set16(ino, fields.format, inodeFormats[layout])
    const attributes = this.xattrs.get(ino)?.length ?? 0
    // One for the header, then units of 4.
    this.#set16(ino, fields.xattrs, attributes === 0 ? 0 : (attributes - xattrHeaderBytes) / 4 + 1)
    if (block !== undefined) this.#set32(ino, fields.union, block)
  }

  /** Its 64 bytes, into zeros. */
  copy(ino: Ino, to: Buffer, at: number): void {
    const from = offsetOf(ino)
    this.#page(ino).copy(to, at, from, from + fields.reserved)
  }

  /** All records, page by page. */
  *pages(): Iterable<Buffer> {
    for (const [at, page] of this.#pages.entries())
      yield page.subarray(0, Math.min(perPage, this.#length - at * perPage) * inodeBytes)
  }
}
