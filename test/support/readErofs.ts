/** An EROFS image as the kernel reads it, from `fs/erofs/erofs_fs.h` alone: for what the writer is compared with. */
export interface FoundInode {
  readonly nid: number
  readonly layout: "plain" | "inline"
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly links: number
  readonly rdev: number
  readonly mtime: bigint
  readonly xattrs: Readonly<Record<string, string>>
  /** The bytes of a file, the target of a symbolic link. */
  readonly content: string
}

const blockBytes = 4096
const prefixes: Readonly<Record<number, string>> = {
  1: "user.",
  2: "system.posix_acl_access",
  3: "system.posix_acl_default",
  4: "trusted.",
  6: "security."
}

export class ErofsReader {
  readonly image: Buffer
  readonly rootNid: number
  readonly inodes: number
  readonly blocks: number
  readonly uuid: string

  constructor(image: Buffer) {
    this.image = image
    if (image.readUInt32LE(1024) !== 0xe0f5e1e2) throw new Error("it has no magic number")
    this.rootNid = image.readUInt16LE(1024 + 14)
    this.inodes = Number(image.readBigUInt64LE(1024 + 16))
    this.blocks = image.readUInt32LE(1024 + 36)
    this.uuid = image.toString("hex", 1024 + 48, 1024 + 64)
  }

  /** Bytes of an inode, block by block as they are mapped, and where they are. */
  *#mapped(nid: number): Iterable<Buffer> {
    const at = nid * 32
    const format = this.image.readUInt16LE(at)
    if (format !== 1 && format !== 5) throw new Error(`inode ${nid} has the format ${format}`)
    const count = this.image.readUInt16LE(at + 2)
    const size = Number(this.image.readBigUInt64LE(at + 8))
    const block = this.image.readUInt32LE(at + 16)
    const tailAt = at + 64 + (count === 0 ? 0 : 12 + (count - 1) * 4)
    for (let done = 0; done < size; done += blockBytes) {
      const length = Math.min(blockBytes, size - done)
      const isTail = format === 5 && done + blockBytes >= size
      const from = isTail ? tailAt : block * blockBytes + done
      if (isTail && (from % blockBytes) + length > blockBytes) throw new Error("a tail is in two blocks")
      yield this.image.subarray(from, from + length)
    }
  }

  #xattrs(nid: number): Record<string, string> {
    const at = nid * 32
    const count = this.image.readUInt16LE(at + 2)
    const found: Record<string, string> = {}
    if (count === 0) return found
    const end = at + 64 + 12 + (count - 1) * 4
    for (let entry = at + 64 + 12; entry < end; ) {
      const length = this.image[entry] ?? 0
      const valueBytes = this.image.readUInt16LE(entry + 2)
      const name =
        (prefixes[this.image[entry + 1] ?? 0] ?? "?") + this.image.toString("latin1", entry + 4, entry + 4 + length)
      const value = entry + 4 + length
      found[name] = this.image.toString("latin1", value, value + valueBytes)
      entry = Math.ceil((value + valueBytes) / 4) * 4
    }
    return found
  }

  inode(nid: number): FoundInode {
    const at = nid * 32
    const { image } = this
    const mode = image.readUInt16LE(at + 4)
    const isDevice = [0o020000, 0o060000].includes(mode & 0o170000)
    const hasContent = [0o100000, 0o120000].includes(mode & 0o170000)
    return {
      nid,
      layout: image.readUInt16LE(at) === 1 ? "plain" : "inline",
      mode,
      uid: image.readUInt32LE(at + 24),
      gid: image.readUInt32LE(at + 28),
      links: image.readUInt32LE(at + 44),
      rdev: isDevice ? image.readUInt32LE(at + 16) : 0,
      mtime: image.readBigInt64LE(at + 32) * 1_000_000_000n + BigInt(image.readUInt32LE(at + 40)),
      xattrs: this.#xattrs(nid),
      content: hasContent ? Buffer.concat([...this.#mapped(nid)]).toString("latin1") : ""
    }
  }

  /** Names, as they are written; each with the number of its inode. */
  *names(nid: number): Iterable<readonly [name: string, nid: number, fileType: number]> {
    for (const block of this.#mapped(nid)) {
      const count = block.readUInt16LE(8) / 12
      for (let i = 0; i < count; i++) {
        const from = block.readUInt16LE(i * 12 + 8)
        const to = i + 1 < count ? block.readUInt16LE(i * 12 + 20) : block.length
        const name = block.toString("latin1", from, to)
        // Only the last name of a block may have zeros behind it.
        const text = i + 1 < count ? name : name.replace(/\0+$/, "")
        yield [text, Number(block.readBigUInt64LE(i * 12)), block[i * 12 + 10] ?? 0]
      }
    }
  }

  /** Path → inode. The root's path is empty. */
  tree(): Map<string, FoundInode> {
    const found = new Map([["", this.inode(this.rootNid)]])
    const visit = (nid: number, path: string) => {
      for (const [name, child] of this.names(nid)) {
        if (name === "." || name === "..") continue
        const inode = this.inode(child)
        const full = path === "" ? name : `${path}/${name}`
        found.set(full, inode)
        if ((inode.mode & 0o170000) === 0o040000) visit(child, full)
      }
    }
    visit(this.rootNid, "")
    return found
  }
}
