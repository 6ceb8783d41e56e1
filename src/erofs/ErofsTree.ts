/** The inodes and directories of an image: rows of a table of names and of a table of facts. It holds no bytes of files. */
import type { EntryHeader } from "../layer/Entry.ts"
import { blockBytes, blocksOf, mostBlocks } from "../layer/erofs/format.ts"
import { implied } from "../layer/metadata/ownership.ts"
import type { FactTable } from "./columns/FactTable.ts"
import { mostName } from "./columns/hashName.ts"
import type { NameIndex } from "./columns/NameIndex.ts"
import { DirentTable } from "./format/DirentTable.ts"
import { encodeXattrs, isKnownXattr } from "./format/encodeXattrs.ts"
import { type Ino, InodeTable } from "./format/InodeTable.ts"
import { fits, unsupported } from "./unsupported.ts"

/** Linux's `PATH_MAX`, without the NUL. */
const mostTarget = 4095
/** What `new_encode_dev` of Linux has room for. */
const mostMajor = 0xfff
const mostMinor = 0xfffff

/** Called with each attribute that Linux has no name space for, and that is therefore left out. Both are binary strings. */
export type OnXattrDropped = (path: string, name: string) => void

export interface ErofsTreeOptions {
  readonly names: NameIndex
  readonly facts: FactTable
  /** The path of what is being added, for errors. */
  readonly path: () => string
  readonly onXattrDropped?: OnXattrDropped | undefined
}

type Xattrs = EntryHeader["xattrs"]

/** Its methods throw `UnsupportedEntry` for what EROFS has no room for. */
export class ErofsTree {
  readonly inodes: InodeTable
  readonly dirents: DirentTable
  readonly #options: ErofsTreeOptions
  #blocks = 0

  constructor(options: ErofsTreeOptions) {
    this.#options = options
    this.inodes = new InodeTable(options.facts)
    this.dirents = new DirentTable(options.names)
  }

  /** First of all, and once. `row`: of its facts. */
  addRoot(row: number, xattrs: Xattrs): Ino {
    const ino = this.#make(row, xattrs)
    this.inodes.addLink(ino)
    this.dirents.addDirectory(ino, ino)
    return ino
  }

  /** A directory that no entry describes: one of root, with mode 0755 and the time 0. */
  addImplied(parent: Ino, name: number): Ino {
    return this.addDirectory(parent, name, this.#options.facts.add(implied, 0), implied.xattrs)
  }

  addDirectory(parent: Ino, name: number, row: number, xattrs: Xattrs): Ino {
    this.#checkName(name)
    const ino = this.#make(row, xattrs)
    // Its own name for itself, and for the one above it.
    this.inodes.addLink(ino)
    this.inodes.addLink(parent)
    this.dirents.addDirectory(ino, parent)
    this.dirents.add(parent, name, ino)
    return ino
  }

  addLeaf(parent: Ino, name: number, row: number, xattrs: Xattrs): Ino {
    const { facts } = this.#options
    this.#checkName(name)
    const target = facts.target(row)
    if (target !== undefined) {
      this.#fits(target.length, mostTarget, "the length of its target")
      if (target === "" || target.includes("\0")) throw this.unsupported("its target is empty or has a NUL byte")
    } else if (facts.isDevice(row)) {
      this.#fits(facts.major(row), mostMajor, "its major number")
      this.#fits(facts.minor(row), mostMinor, "its minor number")
    }
    const ino = this.#make(row, xattrs)
    this.dirents.add(parent, name, ino)
    return ino
  }

  /** Another name of what is not a directory. */
  addLink(parent: Ino, name: number, ino: Ino): void {
    this.#checkName(name)
    this.dirents.add(parent, name, ino)
    this.inodes.addLink(ino)
  }

  setXattrs(ino: Ino, xattrs: Xattrs): void {
    this.inodes.xattrs.delete(ino)
    if (xattrs.size === 0) return
    const { path, onXattrDropped } = this.#options
    if (onXattrDropped !== undefined)
      for (const name of xattrs.keys()) if (!isKnownXattr(name)) onXattrDropped(path(), name)
    const encoded = encodeXattrs(path(), xattrs)
    if (encoded !== undefined) this.inodes.xattrs.set(ino, encoded)
  }

  unsupported(problem: string) {
    return unsupported(this.#options.path(), problem)
  }

  #make(row: number, xattrs: Xattrs): Ino {
    const ino = this.inodes.add(row)
    this.setXattrs(ino, xattrs)
    // More than it takes, so that the image's end is within the addresses.
    this.#blocks += blocksOf(this.#options.facts.size(row)) + blocksOf(this.inodes.headBytes(ino)) + 1
    this.#fits(this.#blocks, mostBlocks, `the number of blocks (${blockBytes} bytes) up to it`)
    return ino
  }

  #checkName(name: number): void {
    const { names } = this.#options
    this.#fits(names.lengthOf(name), mostName, "the length of a name")
    if (names.includes(name, 0)) throw this.unsupported("its name has a NUL byte")
    if (names.lengthOf(name) === 2 && names.nameOf(name) === "..") throw this.unsupported("it has a component ..")
  }

  #fits(value: number, most: number, what: string): void {
    if (value > most) fits(this.#options.path(), value, most, what)
  }
}
