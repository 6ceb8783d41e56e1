/** All inodes of an image, in columns, beside the facts that archives give: there may be millions. */
import {
  blockBytes,
  type DataLayout,
  inodeFields as fields,
  inodeBytes,
  inodeFormats,
  kinds,
  xattrHeaderBytes
} from "../../layer/erofs/format.ts"
import { Column } from "../columns/Column.ts"
import type { FactTable } from "../columns/FactTable.ts"

/** The index of an inode: in the order in which they were first named, which is that of the image. The root is 0. */
export type Ino = number

/** Linux's `new_encode_dev`: 12 bits of major number, 20 bits of minor number. */
const deviceOf = (major: number, minor: number): number =>
  ((minor & 0xff) | (major << 8) | ((minor & 0xfff00) << 12)) >>> 0

/** The bytes of the extended form, without the reserved ones at the end. */
const usedBytes = fields.reserved

const inodesAtOnce = 256

export class InodeTable {
  length = 0
  readonly #facts: FactTable
  /** The row of its facts. */
  readonly #rows = new Column()
  /** The first whole block of its bytes. */
  readonly #blocks = new Column()
  /** Names besides its first. */
  readonly #others = new Column()
  /** 1: its last bytes are behind it. */
  readonly #inline = new Column()
  /** The encoded attributes of the inodes that have any. */
  readonly xattrs = new Map<Ino, Uint8Array>()

  constructor(facts: FactTable) {
    this.#facts = facts
  }

  add(row: number): Ino {
    const ino = this.length++
    this.#rows.set(ino, row)
    return ino
  }

  /** The row of its facts. */
  rowOf(ino: Ino): number {
    return this.#rows.get(ino)
  }

  addLink(ino: Ino): void {
    this.#others.set(ino, this.#others.get(ino) + 1)
  }

  fileType(ino: Ino): number {
    return kinds[this.#facts.type(this.#rows.get(ino))][1]
  }

  isFile(ino: Ino): boolean {
    return this.#facts.type(this.#rows.get(ino)) === "file"
  }

  isDirectory(ino: Ino): boolean {
    return this.#facts.isDirectory(this.#rows.get(ino))
  }

  /** The target of a symbolic link, a binary string. */
  target(ino: Ino): string | undefined {
    return this.#facts.target(this.#rows.get(ino))
  }

  size(ino: Ino): number {
    return this.#facts.bytes(this.#rows.get(ino))
  }

  /** Sets the size of a directory. */
  setSize(ino: Ino, size: number): void {
    this.#facts.setBytes(this.#rows.get(ino), size)
  }

  /** Where its whole blocks are in the image, in bytes. */
  position(ino: Ino): number {
    return this.#blocks.get(ino) * blockBytes
  }

  /** Inode and attributes. */
  headBytes(ino: Ino): number {
    return inodeBytes + (this.xattrs.get(ino)?.length ?? 0)
  }

  isInline(ino: Ino): boolean {
    return this.#inline.get(ino) === 1
  }

  /** `block`: the first whole block of its bytes. */
  place(ino: Ino, layout: DataLayout, block: number): void {
    this.#inline.set(ino, layout === "inline" ? 1 : 0)
    this.#blocks.set(ino, block)
  }

  /** Its 64 bytes, into zeros. `isPlaced`: with where its bytes are. */
  encode(ino: Ino, to: Buffer, at: number, isPlaced = true): void {
    const facts = this.#facts
    const row = this.#rows.get(ino)
    const type = facts.type(row)
    const attributes = this.xattrs.get(ino)?.length ?? 0
    to.writeUInt16LE(inodeFormats[isPlaced && this.isInline(ino) ? "inline" : "plain"], at + fields.format)
    // One for the header, then units of 4.
    to.writeUInt16LE(attributes === 0 ? 0 : (attributes - xattrHeaderBytes) / 4 + 1, at + fields.xattrs)
    // Linux keeps no mode for a symbolic link.
    to.writeUInt16LE(kinds[type][0] | (type === "symlink" ? 0o777 : facts.mode(row) & 0o7777), at + fields.mode)
    to.writeUInt32LE(ino + 1, at + fields.ino)
    to.writeUInt32LE(1 + this.#others.get(ino), at + fields.nlink)
    const block = isPlaced ? this.#blocks.get(ino) : 0
    const union = facts.isDevice(row) ? deviceOf(facts.major(row), facts.minor(row)) : block
    to.writeUInt32LE(union, at + fields.union)
    to.writeUInt32LE(facts.uid(row), at + fields.uid)
    to.writeUInt32LE(facts.gid(row), at + fields.gid)
    this.#write64(facts.bytes(row), to, at + fields.size)
    this.#write64(facts.seconds(row), to, at + fields.mtime)
    to.writeUInt32LE(facts.nanos(row), at + fields.nanos)
  }

  /** All of them, back to back, without their places; the same memory again and again. */
  *records(): Iterable<Buffer> {
    const some = Buffer.alloc(inodesAtOnce * usedBytes)
    for (let ino = 0; ino < this.length; ino += inodesAtOnce) {
      const count = Math.min(inodesAtOnce, this.length - ino)
      for (let at = 0; at < count; at++) this.encode(ino + at, some, at * usedBytes, false)
      yield some.subarray(0, count * usedBytes)
    }
  }

  /** A whole number, perhaps negative, in two's complement. */
  #write64(value: number, to: Buffer, at: number): void {
    const high = Math.floor(value / 2 ** 32)
    to.writeUInt32LE(value - high * 2 ** 32, at)
    to.writeUInt32LE(high >>> 0, at + 4)
  }
}
