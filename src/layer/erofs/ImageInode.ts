/** An inode of an image: its facts, and where its bytes are. */
import type { EntryHeader, EntryType } from "../Entry.ts"
import {
  blockBytes,
  inodeBytes,
  inodeFields,
  inodeFormats,
  kinds,
  slotBytes,
  typeMask,
  xattrHeaderBytes
} from "./format.ts"
import type { ImageFile } from "./ImageFile.ts"
import { readXattrs } from "./readXattrs.ts"

const types = new Map<number, EntryType>(
  Object.entries(kinds).map(([type, [bits]]) => [bits, type as keyof typeof kinds])
)

export class ImageInode {
  readonly nid: number
  readonly type: EntryType
  /** Bytes of its content. */
  readonly size: number
  readonly #file: ImageFile
  readonly #record: Buffer
  /** Where its content is, but for the last bytes if those are behind the inode. */
  readonly #plainAt: number
  /** Where the last bytes are: from which one on, and their place in the image. */
  readonly #tail: { readonly from: number; readonly at: number } | undefined
  /** Bytes of attributes, behind the inode. */
  readonly #xattrBytes: number

  constructor(file: ImageFile, nid: number) {
    const at = nid * slotBytes
    const record = file.read(at, inodeBytes)
    const format = record.readUInt16LE(inodeFields.format)
    const count = record.readUInt16LE(inodeFields.xattrs)
    const type = types.get(record.readUInt16LE(inodeFields.mode) & typeMask)
    const { plain, inline } = inodeFormats
    this.size = record.readUInt32LE(inodeFields.size + 4) * 2 ** 32 + record.readUInt32LE(inodeFields.size)
    if (type === undefined || (format !== plain && format !== inline) || this.size > file.size) throw file.damaged()
    this.nid = nid
    this.type = type
    this.#file = file
    this.#record = record
    this.#xattrBytes = count === 0 ? 0 : xattrHeaderBytes + (count - 1) * 4
    this.#plainAt = record.readUInt32LE(inodeFields.union) * blockBytes
    const rest = this.size % blockBytes
    if (format === inline && rest > 0) this.#tail = { from: this.size - rest, at: at + inodeBytes + this.#xattrBytes }
  }

  /** How many names it has. */
  get links(): number {
    return this.#record.readUInt32LE(inodeFields.nlink)
  }

  /** Where a byte of its content is in the image, and how many are there together. */
  placeOf(at: number): { readonly at: number; readonly length: number } {
    const end = this.#tail?.from ?? this.size
    if (at < end) return { at: this.#plainAt + at, length: end - at }
    return { at: (this.#tail?.at ?? 0) + at - end, length: this.size - at }
  }

  /** The content of a directory or a symbolic link, block by block. */
  *content(): Iterable<Buffer> {
    for (let at = 0; at < this.size; at += blockBytes)
      yield this.#file.read(this.placeOf(at).at, Math.min(blockBytes, this.size - at))
  }

  /** The target of a symbolic link, a binary string. */
  get target(): string {
    if (this.size > blockBytes) throw this.#file.damaged()
    return Buffer.concat([...this.content()]).toString("latin1")
  }

  /** What it says of itself. The path is empty. */
  get header(): EntryHeader {
    const { type, size } = this
    const field = (name: keyof typeof inodeFields) => this.#record.readUInt32LE(inodeFields[name])
    const device = type.endsWith("-device") ? field("union") : 0
    const seconds = this.#record.readInt32LE(inodeFields.mtime + 4) * 2 ** 32 + field("mtime")
    return {
      path: "",
      linkPath: type === "symlink" ? this.target : "",
      type,
      mode: type === "symlink" ? 0o777 : this.#record.readUInt16LE(inodeFields.mode) & 0o7777,
      uid: field("uid"),
      gid: field("gid"),
      size: type === "file" ? size : 0,
      mtime: { seconds, nanos: field("nanos") },
      devMajor: (device >>> 8) & 0xfff,
      devMinor: (device & 0xff) | ((device >>> 12) & 0xfff00),
      xattrs: readXattrs(this.#file, this.nid * slotBytes + inodeBytes, this.#xattrBytes)
    }
  }
}
