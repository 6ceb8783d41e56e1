/**
 * Many headers as few values: an object of its own for each would be most of what a message costs, and of what they take in memory
 * until the headers of all layers are there. An ordinary header is some 30 bytes, since a path shares its beginning with the one before.
 */
import type { EntryHeader, EntryType } from "./Entry.ts"

/** In the order of the entries. */
export interface PackedHeaders {
  readonly count: number
  /** Bytes of all paths and targets. */
  readonly nameBytes: number
  readonly bytes: Uint8Array
  /** The attributes and holes of the headers that have any. */
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

/** The first byte of a header: its type, and what is as in the header before, or is 0. */
const typeMask = 7
const flags = { sameTime: 8, sameOwner: 16, noDevice: 32 }

/** The first byte of a number that has more than one; a smaller one is the number itself. */
const wide = { two: 250, four: 251, double: 252 }

/** Most bytes of a header beside its texts: the first byte, and eleven numbers. */
const mostNumbers = 1 + 11 * 9

const isLink = (type: EntryType): boolean => type === "symlink" || type === "link"

const beginningOf = (path: string, before: string): number => {
  const most = Math.min(path.length, before.length)
  let length = 0
  while (length < most && path.charCodeAt(length) === before.charCodeAt(length)) length += 1
  return length
}

export class HeaderPacker {
  #bytes = Buffer.allocUnsafe(2 ** 16)
  #length = 0
  #rest: Array<PackedHeaders["rest"][number]> = []
  #nameBytes = 0
  #last: Pick<EntryHeader, "path" | "mode" | "uid" | "gid" | "mtime"> | undefined
  count = 0

  /** Bytes that they take, what is in `rest` aside. */
  get length(): number {
    return this.#length
  }

  add(header: EntryHeader): void {
    const { path, type, linkPath, mode, uid, gid, size, mtime, devMajor, devMinor, xattrs, sparse } = header
    this.#reserve(mostNumbers + path.length + linkPath.length)
    const last = this.#last
    const sameTime = last?.mtime.seconds === mtime.seconds && last.mtime.nanos === mtime.nanos
    const sameOwner = last?.mode === mode && last.uid === uid && last.gid === gid
    const noDevice = devMajor === 0 && devMinor === 0
    this.#bytes[this.#length++] =
      types.indexOf(type) |
      (sameTime ? flags.sameTime : 0) |
      (sameOwner ? flags.sameOwner : 0) |
      (noDevice ? flags.noDevice : 0)
    const shared = beginningOf(path, last?.path ?? "")
    this.#number(shared)
    this.#text(path, shared)
    if (isLink(type)) this.#text(linkPath, 0)
    this.#number(size)
    if (!sameOwner) for (const value of [mode, uid, gid]) this.#number(value)
    if (!sameTime) for (const value of [mtime.seconds, mtime.nanos]) this.#number(value)
    if (!noDevice) for (const value of [devMajor, devMinor]) this.#number(value)
    if (xattrs.size > 0 || sparse !== undefined) this.#rest.push({ at: this.count, xattrs, ...(sparse && { sparse }) })
    this.count += 1
    this.#nameBytes += path.length + linkPath.length
    this.#last = header
  }

  /** Those that were added, and begins anew. */
  take(): PackedHeaders {
    // Of its own: a clone of a view copies all that it is a view of.
    const bytes = Uint8Array.from(this.#bytes.subarray(0, this.#length))
    const packed = { count: this.count, nameBytes: this.#nameBytes, bytes, rest: this.#rest }
    this.#length = 0
    this.#nameBytes = 0
    this.#rest = []
    this.#last = undefined
    this.count = 0
    return packed
  }

  #reserve(length: number): void {
    if (this.#length + length <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(2 * (this.#length + length))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }

  #text(text: string, from: number): void {
    this.#number(text.length - from)
    for (let at = from; at < text.length; at++) this.#bytes[this.#length++] = text.charCodeAt(at)
  }

  #number(value: number): void {
    const bytes = this.#bytes
    if (value !== value >>> 0) {
      bytes[this.#length++] = wide.double
      this.#length = bytes.writeDoubleLE(value, this.#length)
    } else if (value < wide.two) bytes[this.#length++] = value
    else if (value < 2 ** 16) {
      bytes[this.#length++] = wide.two
      this.#length = bytes.writeUInt16LE(value, this.#length)
    } else {
      bytes[this.#length++] = wide.four
      this.#length = bytes.writeUInt32LE(value, this.#length)
    }
  }
}

export const packHeaders = (headers: Iterable<EntryHeader>): PackedHeaders => {
  const packer = new HeaderPacker()
  for (const header of headers) packer.add(header)
  return packer.take()
}

class PackedReader {
  readonly #bytes: Buffer
  #at = 0
  /** The path that was read last, for the next one's beginning. */
  #path = Buffer.allocUnsafe(2 ** 12)

  constructor({ buffer, byteOffset, byteLength }: Uint8Array) {
    this.#bytes = Buffer.from(buffer, byteOffset, byteLength)
  }

  byte(): number {
    return this.#bytes[this.#at++] ?? 0
  }

  number(): number {
    const first = this.byte()
    if (first < wide.two) return first
    const at = this.#at
    if (first === wide.two) {
      this.#at += 2
      return this.#bytes.readUInt16LE(at)
    }
    if (first === wide.four) {
      this.#at += 4
      return this.#bytes.readUInt32LE(at)
    }
    this.#at += 8
    return this.#bytes.readDoubleLE(at)
  }

  text(): string {
    const length = this.number()
    this.#at += length
    return this.#bytes.toString("latin1", this.#at - length, this.#at)
  }

  path(): string {
    const shared = this.number()
    const length = this.number()
    if (shared + length > this.#path.length)
      this.#path = Buffer.concat([this.#path.subarray(0, shared)], 2 * (shared + length))
    this.#bytes.copy(this.#path, shared, this.#at, this.#at + length)
    this.#at += length
    return this.#path.toString("latin1", 0, shared + length)
  }
}

const noXattrs: EntryHeader["xattrs"] = new Map()

/** Headers beside each other that have the same time, and all that have no attributes, share what says so. */
export const unpackHeaders = function* ({ count, bytes, rest }: PackedHeaders): Generator<EntryHeader> {
  const read = new PackedReader(bytes)
  let mtime: EntryHeader["mtime"] = { seconds: 0, nanos: 0 }
  let [mode, uid, gid, further] = [0, 0, 0, 0]
  for (let at = 0; at < count; at++) {
    const first = read.byte()
    const type = types[first & typeMask] ?? "file"
    const path = read.path()
    const linkPath = isLink(type) ? read.text() : ""
    const size = read.number()
    if (!(first & flags.sameOwner)) [mode, uid, gid] = [read.number(), read.number(), read.number()]
    if (!(first & flags.sameTime)) mtime = { seconds: read.number(), nanos: read.number() }
    const [devMajor, devMinor] = first & flags.noDevice ? [0, 0] : [read.number(), read.number()]
    const more = rest[further]?.at === at ? rest[further++] : undefined
    const xattrs = more?.xattrs ?? noXattrs
    const header: EntryHeader = { path, linkPath, type, mode, uid, gid, size, mtime, devMajor, devMinor, xattrs }
    yield more?.sparse === undefined ? header : { ...header, sparse: more.sparse }
  }
}
