/**
 * A disk image that this library wrote (see the folder `erofs`), as the kernel reads it: `fs/erofs/erofs_fs.h`. Of all forms of an
 * inode it has two, which are extended and uncompressed. Nothing is kept but some blocks and the names of the directories that
 * somebody holds. What no image of ours has is the system's error `EUCLEAN`, as in the kernel. For the worker.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs"
import type { EntryHeader, EntryType } from "../Entry.ts"
import type { Child } from "./findPath.ts"
import type { StoredBytes, StoredTree } from "./StoredTree.ts"

const blockBytes = 4096
const slotBytes = 32
const inodeBytes = 64
const direntBytes = 12
const superblockAt = 1024
const magic = 0xe0f5e1e2
/** `EROFS_INODE_FLAT_PLAIN` and `_INLINE`, with the bit of the extended form. */
const formats = { plain: 1, inline: 5 } as const
/** Blocks that are kept. */
const mostBlocks = 16

const types: Readonly<Record<number, EntryType>> = {
  [constants.S_IFREG]: "file",
  [constants.S_IFDIR]: "directory",
  [constants.S_IFLNK]: "symlink",
  [constants.S_IFCHR]: "character-device",
  [constants.S_IFBLK]: "block-device",
  [constants.S_IFIFO]: "fifo"
}

const prefixes: Readonly<Record<number, string>> = {
  1: "user.",
  2: "system.posix_acl_access",
  3: "system.posix_acl_default",
  4: "trusted.",
  6: "security."
}

interface Inode {
  readonly nid: number
  readonly mode: number
  readonly size: number
  /** Where its bytes are, but for the last ones if those are behind the inode. */
  readonly plainAt: number
  /** Where the last ones are: bytes from the image's beginning. */
  readonly tail: { readonly from: number; readonly at: number } | undefined
  /** Bytes of attributes, behind the inode. */
  readonly xattrBytes: number
  readonly record: Buffer
}

/** A directory, with its names once they were asked for. */
export interface ImageDirectory {
  readonly layer: number
  readonly nid: number
  readonly parent: number
  names?: ReadonlyMap<string, number>
}

export interface ImageLeaf {
  readonly layer: number
  readonly nid: number
}

export class ErofsImage implements StoredTree<ImageDirectory, ImageLeaf> {
  readonly root: ImageDirectory
  readonly #path: string
  readonly #fd: number
  readonly #size: number
  /** The latest is last. */
  readonly #blocks = new Map<number, Buffer>()

  /** `path`: absolute. Throws the system's error. */
  constructor(path: string) {
    this.#path = path
    this.#fd = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
    this.#size = fstatSync(this.#fd).size
    const superblock = this.#read(superblockAt, 128)
    if (superblock.readUInt32LE(0) !== magic || superblock[12] !== 12) throw this.#damaged()
    const nid = superblock.readUInt16LE(14)
    this.root = { layer: 0, nid, parent: nid }
  }

  names(directory: ImageDirectory): ReadonlyArray<string> {
    return [...this.#childrenOf(directory).keys()]
  }

  readonly child = (directory: ImageDirectory, name: string): Child<ImageDirectory, ImageLeaf> => {
    const nid = this.#childrenOf(directory).get(name)
    if (nid === undefined) return "missing"
    const inode = this.#inode(nid)
    const type = this.#typeOf(inode)
    if (type === "directory") {
      // A directory that has the root in it would be walked for ever.
      if (nid === this.root.nid) throw this.#damaged()
      return { _tag: "Directory", directory: { layer: 0, nid, parent: directory.nid } }
    }
    return { _tag: "Leaf", leaf: { layer: 0, nid }, target: type === "symlink" ? this.#target(inode) : undefined }
  }

  describe({ nid }: ImageDirectory): { readonly layer: number; readonly header: EntryHeader } {
    return { layer: 0, header: this.#headerOf(this.#inode(nid)) }
  }

  entry({ nid }: ImageLeaf): { readonly header: EntryHeader; readonly inode: string | undefined } {
    const inode = this.#inode(nid)
    return { header: this.#headerOf(inode), inode: inode.record.readUInt32LE(44) > 1 ? String(nid) : undefined }
  }

  open({ nid }: ImageLeaf): StoredBytes {
    const inode = this.#inode(nid)
    return {
      read: (buffer, length, at) => {
        const place = this.#placeOf(inode, at)
        return readSync(this.#fd, buffer, 0, Math.min(length, place.length), place.at)
      },
      close: () => {}
    }
  }

  close(): void {
    closeSync(this.#fd)
  }

  #damaged(): Error {
    return Object.assign(new Error("the disk image is damaged"), { code: "EUCLEAN", syscall: "read", path: this.#path })
  }

  #block(index: number): Buffer {
    const known = this.#blocks.get(index)
    if (known !== undefined) return known
    const block = Buffer.alloc(blockBytes)
    if (readSync(this.#fd, block, 0, blockBytes, index * blockBytes) !== blockBytes) throw this.#damaged()
    const [oldest] = this.#blocks.keys()
    if (this.#blocks.size >= mostBlocks && oldest !== undefined) this.#blocks.delete(oldest)
    this.#blocks.set(index, block)
    return block
  }

  #read(at: number, length: number): Buffer {
    if (!(at >= 0 && length >= 0 && at + length <= this.#size)) throw this.#damaged()
    const first = Math.floor(at / blockBytes)
    const from = at - first * blockBytes
    if (from + length <= blockBytes) return this.#block(first).subarray(from, from + length)
    const whole = Buffer.alloc(length)
    if (readSync(this.#fd, whole, 0, length, at) !== length) throw this.#damaged()
    return whole
  }

  #inode(nid: number): Inode {
    const at = nid * slotBytes
    const record = this.#read(at, inodeBytes)
    const format = record.readUInt16LE(0)
    const count = record.readUInt16LE(2)
    const size = record.readUInt32LE(12) * 2 ** 32 + record.readUInt32LE(8)
    const xattrBytes = count === 0 ? 0 : 12 + (count - 1) * 4
    if ((format !== formats.plain && format !== formats.inline) || size > this.#size) throw this.#damaged()
    const rest = size % blockBytes
    const tail =
      format === formats.inline && rest > 0 ? { from: size - rest, at: at + inodeBytes + xattrBytes } : undefined
    return {
      nid,
      mode: record.readUInt16LE(4),
      size,
      plainAt: record.readUInt32LE(16) * blockBytes,
      tail,
      xattrBytes,
      record
    }
  }

  #typeOf({ mode }: Inode): EntryType {
    const type = types[mode & constants.S_IFMT]
    if (type === undefined) throw this.#damaged()
    return type
  }

  /** Where a byte of an inode is, and how many are there together. */
  #placeOf({ size, plainAt, tail }: Inode, at: number): { readonly at: number; readonly length: number } {
    const end = tail?.from ?? size
    if (at < end) return { at: plainAt + at, length: end - at }
    return { at: (tail?.at ?? 0) + at - end, length: size - at }
  }

  /** The bytes of a directory or a symbolic link, block by block. */
  *#content(inode: Inode): Iterable<Buffer> {
    for (let at = 0; at < inode.size; at += blockBytes) {
      const place = this.#placeOf(inode, at)
      yield this.#read(place.at, Math.min(blockBytes, inode.size - at))
    }
  }

  #target(inode: Inode): string {
    if (inode.size > blockBytes) throw this.#damaged()
    return Buffer.concat([...this.#content(inode)]).toString("latin1")
  }

  /** Without its own two names. */
  #childrenOf(directory: ImageDirectory): ReadonlyMap<string, number> {
    if (directory.names !== undefined) return directory.names
    const names = new Map<string, number>()
    for (const block of this.#content(this.#inode(directory.nid)))
      for (const [name, nid] of this.#direntsOf(block)) names.set(name, nid)
    if (names.get(".") !== directory.nid || names.get("..") !== directory.parent) throw this.#damaged()
    names.delete(".")
    names.delete("..")
    directory.names = names
    return names
  }

  *#direntsOf(block: Buffer): Iterable<readonly [name: string, nid: number]> {
    if (block.length < direntBytes) throw this.#damaged()
    const count = block.readUInt16LE(8) / direntBytes
    if (!Number.isInteger(count) || count === 0 || count * direntBytes > block.length) throw this.#damaged()
    for (let at = 0; at < count; at++) {
      const from = block.readUInt16LE(at * direntBytes + 8)
      const to = at + 1 < count ? block.readUInt16LE((at + 1) * direntBytes + 8) : block.length
      if (from >= to || to > block.length) throw this.#damaged()
      // What is behind the last name of a block is zeros.
      const name = block.toString("latin1", from, to).replace(/\0+$/, "")
      if (name === "" || name.includes("/")) throw this.#damaged()
      yield [name, block.readUInt32LE(at * direntBytes) + block.readUInt32LE(at * direntBytes + 4) * 2 ** 32]
    }
  }

  #xattrsOf({ nid, xattrBytes }: Inode): ReadonlyMap<string, Uint8Array> {
    const found = new Map<string, Uint8Array>()
    if (xattrBytes === 0) return found
    const bytes = this.#read(nid * slotBytes + inodeBytes, xattrBytes)
    for (let at = 12; at < bytes.length; ) {
      if (at + 4 > bytes.length) throw this.#damaged()
      const nameAt = at + 4
      const valueAt = nameAt + (bytes[at] ?? 0)
      const end = valueAt + bytes.readUInt16LE(at + 2)
      const prefix = prefixes[bytes[at + 1] ?? 0]
      if (prefix === undefined || end > bytes.length) throw this.#damaged()
      found.set(prefix + bytes.toString("latin1", nameAt, valueAt), Uint8Array.from(bytes.subarray(valueAt, end)))
      at = Math.ceil(end / 4) * 4
    }
    return found
  }

  #headerOf(inode: Inode): EntryHeader {
    const { record, mode, size } = inode
    const type = this.#typeOf(inode)
    const device = type.endsWith("-device") ? record.readUInt32LE(16) : 0
    return {
      path: "",
      linkPath: type === "symlink" ? this.#target(inode) : "",
      type,
      mode: type === "symlink" ? 0o777 : mode & 0o7777,
      uid: record.readUInt32LE(24),
      gid: record.readUInt32LE(28),
      size: type === "file" ? size : 0,
      mtime: { seconds: record.readInt32LE(36) * 2 ** 32 + record.readUInt32LE(32), nanos: record.readUInt32LE(40) },
      devMajor: (device >>> 8) & 0xfff,
      devMinor: (device & 0xff) | ((device >>> 12) & 0xfff00),
      xattrs: this.#xattrsOf(inode)
    }
  }
}
