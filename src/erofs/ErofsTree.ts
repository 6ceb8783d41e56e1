/** The names and inodes of an image, from the headers of its entries. It holds no bytes of files. */
import { ownName } from "../layer/Directory.ts"
import type { EntryHeader } from "../layer/Entry.ts"
import { blockBytes, blocksOf, mostBlocks } from "../layer/erofs/format.ts"
import { implied } from "../layer/metadata/ownership.ts"
import { mostName } from "./columns/hashName.ts"
import { crc32cOf } from "./format/crc32c.ts"
import { DirentTable } from "./format/DirentTable.ts"
import { encodeXattrs, isKnownXattr } from "./format/encodeXattrs.ts"
import { type Ino, InodeTable } from "./format/InodeTable.ts"
import { fits, unsupported } from "./unsupported.ts"

/** Linux's `PATH_MAX`, without the NUL. */
const mostTarget = 4095

/** Called with each attribute that Linux has no name space for, and that is therefore left out. Both are binary strings. */
export type OnXattrDropped = (path: string, name: string) => void

const namesOf = (path: string): ReadonlyArray<string> => path.split("/").filter((name) => name !== "" && name !== ".")

export class ErofsTree {
  readonly inodes = new InodeTable()
  readonly dirents = new DirentTable()
  readonly #root: Ino
  readonly #dropped: OnXattrDropped | undefined
  #blocks = 0
  /** What was above the last entry: entries beside each other follow each other, and paths are long. */
  #lastAbove = ""
  #lastParent: Ino

  constructor(dropped?: OnXattrDropped) {
    this.#dropped = dropped
    this.#root = this.#makeDirectory(implied, undefined, "")
    this.#lastParent = this.#root
  }

  /**
   * Takes an entry. The root, whose path is empty or `.`, and directories above an entry may come later or not at all: they
   * are then those of root, with mode 0755 and the time 0. A hard link comes after the file that it names.
   * Throws `UnsupportedEntry` for what EROFS has no room for, and for what is no tree.
   */
  add(header: EntryHeader): void {
    const { path, type } = header
    if (path.includes("\0")) throw unsupported(path, "its name has a NUL byte")
    const slash = path.lastIndexOf("/")
    const ending = path.slice(slash + 1)
    const isPlain = ending !== "" && ending !== "."
    const isBeside = isPlain && slash > 0 && path.slice(0, slash) === this.#lastAbove
    const names = isBeside ? [ending] : namesOf(path)
    const last = names.at(-1)
    if (last === undefined) {
      if (type !== "directory") throw unsupported(path, "it is the root, and no directory")
      this.#describe(this.#root, header)
      return
    }
    const parent = isBeside ? this.#lastParent : this.#enter(names.slice(0, -1), path)
    if (isPlain && slash > 0 && !isBeside) {
      this.#lastAbove = path.slice(0, slash)
      this.#lastParent = parent
    }
    const before = this.dirents.get(parent, last)
    if (type === "link") this.#link(parent, last, header)
    else if (before !== undefined) {
      if (type !== "directory" || !this.inodes.isDirectory(before)) throw unsupported(path, "its name is there twice")
      this.#describe(before, header)
    } else if (type === "directory") this.#makeDirectory(header, parent, last)
    else this.#makeLeaf(header, parent, last)
  }

  #enter(names: ReadonlyArray<string>, path: string): Ino {
    let directory = this.#root
    for (const name of names) {
      const child = this.dirents.get(directory, name)
      if (child !== undefined && !this.inodes.isDirectory(child))
        throw unsupported(path, `it is beneath ${JSON.stringify(name)}, which is no directory`)
      directory = child ?? this.#makeDirectory({ ...implied, path }, directory, name)
    }
    return directory
  }

  #name(parent: Ino, name: string, ino: Ino, path: string): void {
    fits(path, name.length, mostName, "the length of a name")
    if (name === "..") throw unsupported(path, "it has a component ..")
    this.dirents.add(parent, name, ino)
  }

  #makeDirectory(header: EntryHeader, parent: Ino | undefined, name: string): Ino {
    const ino = this.#make(header)
    // Its own name for itself.
    this.inodes.addLink(ino)
    this.dirents.addDirectory(ino, parent ?? ino)
    if (parent !== undefined) {
      this.#name(parent, name, ino, header.path)
      this.inodes.addLink(parent)
    }
    return ino
  }

  #makeLeaf(header: EntryHeader, parent: Ino, name: string): void {
    const { path, type, linkPath, size } = header
    if (type === "symlink") {
      fits(path, linkPath.length, mostTarget, "the length of its target")
      if (linkPath === "" || linkPath.includes("\0")) throw unsupported(path, "its target is empty or has a NUL byte")
    }
    const ino = this.#make(header)
    this.#name(parent, name, ino, path)
    if (type === "symlink") {
      this.inodes.targets.set(ino, ownName(linkPath))
      this.inodes.setSize(ino, linkPath.length)
    } else if (type === "file" && size > 0) this.inodes.setPathSum(ino, crc32cOf(path))
  }

  #link(parent: Ino, name: string, { path, linkPath }: EntryHeader): void {
    if (this.dirents.get(parent, name) !== undefined) throw unsupported(path, "its name is there twice")
    const names = namesOf(linkPath)
    let target: Ino | undefined = this.#root
    for (const component of names) target = target === undefined ? undefined : this.dirents.get(target, component)
    if (target === undefined)
      throw unsupported(path, `it is a hard link to ${JSON.stringify(linkPath)}, which is not there`)
    if (this.inodes.isDirectory(target)) throw unsupported(path, "it is a hard link to a directory")
    this.#name(parent, name, target, path)
    this.inodes.addLink(target)
  }

  #make(header: EntryHeader): Ino {
    const ino = this.inodes.add(header)
    this.#setXattrs(ino, header)
    // More than it takes, so that the image's end is within the addresses.
    this.#blocks += blocksOf(header.size) + blocksOf(this.inodes.headBytes(ino)) + 1
    fits(header.path, this.#blocks, mostBlocks, `the number of blocks (${blockBytes} bytes) up to it`)
    return ino
  }

  #describe(ino: Ino, header: EntryHeader): void {
    this.inodes.describe(ino, header)
    this.#setXattrs(ino, header)
  }

  #setXattrs(ino: Ino, { path, xattrs }: EntryHeader): void {
    this.inodes.xattrs.delete(ino)
    if (xattrs.size === 0) return
    if (this.#dropped !== undefined)
      for (const name of xattrs.keys()) if (!isKnownXattr(name)) this.#dropped(path, name)
    const encoded = encodeXattrs(path, xattrs)
    if (encoded !== undefined) this.inodes.xattrs.set(ino, encoded)
  }
}
