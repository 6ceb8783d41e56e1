/** A tree whose entries come by their paths. */
import type { EntryHeader } from "../layer/Entry.ts"
import { implied } from "../layer/metadata/ownership.ts"
import { Column } from "./columns/Column.ts"
import { FactTable } from "./columns/FactTable.ts"
import { NameIndex } from "./columns/NameIndex.ts"
import { ErofsTree, type OnXattrDropped } from "./ErofsTree.ts"
import { crc32cOf } from "./format/crc32c.ts"
import type { Ino } from "./format/InodeTable.ts"

const root: Ino = 0

const noAttributes: EntryHeader["xattrs"] = new Map()

const namesOf = (path: string): ReadonlyArray<string> => path.split("/").filter((name) => name !== "" && name !== ".")

export class EntryTree {
  readonly tree: ErofsTree
  /** The CRC of the path that each file with bytes was described with. It tells two files apart whose bytes come in another order. */
  readonly pathSums = new Column()
  readonly #names = new NameIndex()
  readonly #facts = new FactTable()
  /** What each name leads to. */
  readonly #inodes = new Column()
  #path = ""
  /** What was above the last entry: entries beside each other follow each other, and paths are long. */
  #lastAbove = ""
  #lastParent: Ino = root

  constructor(onXattrDropped?: OnXattrDropped) {
    const [names, facts] = [this.#names, this.#facts]
    this.tree = new ErofsTree({ names, facts, path: () => this.#path, onXattrDropped })
    this.tree.addRoot(facts.add(implied, 0), noAttributes)
  }

  /**
   * Takes an entry. The root, whose path is empty or `.`, and directories above an entry may come later or not at all: they
   * are then those of root, with mode 0755 and the time 0. A hard link comes after the file that it names.
   * Throws `UnsupportedEntry` for what EROFS has no room for, and for what is not a tree.
   */
  add(header: EntryHeader): void {
    const { path, type } = header
    this.#path = path
    const slash = path.lastIndexOf("/")
    const ending = path.slice(slash + 1)
    const isPlain = ending !== "" && ending !== "."
    const isBeside = isPlain && slash > 0 && path.slice(0, slash) === this.#lastAbove
    const names = isBeside ? [ending] : namesOf(path)
    const last = names.at(-1)
    if (last === undefined) {
      if (type !== "directory") throw this.tree.unsupported("it is the root, but not a directory")
      this.#describe(root, header)
      return
    }
    const parent = isBeside ? this.#lastParent : this.#enter(names.slice(0, -1))
    if (isPlain && slash > 0 && !isBeside) {
      this.#lastAbove = path.slice(0, slash)
      this.#lastParent = parent
    }
    const before = this.#find(parent, last)
    if (type === "link") this.#link(parent, last, header)
    else if (before !== undefined) {
      if (type !== "directory" || !this.#isDirectory(before)) throw this.tree.unsupported("the path occurs twice")
      this.#describe(before, header)
    } else if (type === "directory") {
      const row = this.#addFacts(header)
      this.#name(parent, last, (name) => this.tree.addDirectory(parent, name, row, header.xattrs))
    } else {
      const row = this.#addFacts(header)
      const ino = this.#name(parent, last, (name) => this.tree.addLeaf(parent, name, row, header.xattrs))
      if (type === "file" && header.size > 0) this.pathSums.set(ino, crc32cOf(path))
    }
  }

  /** No entry comes any more: frees what finds them. */
  seal(): void {
    this.#names.seal()
    this.#names.forgetParents()
  }

  #enter(names: ReadonlyArray<string>): Ino {
    let directory = root
    for (const name of names) {
      const child = this.#find(directory, name)
      if (child !== undefined && !this.#isDirectory(child))
        throw this.tree.unsupported(`its parent ${JSON.stringify(name)} is not a directory`)
      const above = directory
      directory = child ?? this.#name(above, name, (row) => this.tree.addImplied(above, row))
    }
    return directory
  }

  #find(directory: Ino, name: string): Ino | undefined {
    const found = this.#names.find(directory, name)
    return found === 0 ? undefined : this.#inodes.get(found)
  }

  #isDirectory(ino: Ino): boolean {
    return this.tree.inodes.isDirectory(ino)
  }

  #name(parent: Ino, name: string, lead: (row: number) => Ino): Ino {
    const row = this.#names.add(parent, name)
    const ino = lead(row)
    this.#inodes.set(row, ino)
    return ino
  }

  #link(parent: Ino, name: string, { linkPath }: EntryHeader): void {
    if (this.#find(parent, name) !== undefined) throw this.tree.unsupported("the path occurs twice")
    let found: Ino | undefined = root
    for (const component of namesOf(linkPath)) found = found === undefined ? undefined : this.#find(found, component)
    const target = found
    if (target === undefined)
      throw this.tree.unsupported(`it is a hard link to ${JSON.stringify(linkPath)}, which is not there`)
    if (this.#isDirectory(target)) throw this.tree.unsupported("it is a hard link to a directory")
    this.#name(parent, name, (row) => {
      this.tree.addLink(parent, row, target)
      return target
    })
  }

  /** Attributes are kept encoded. */
  #addFacts(header: EntryHeader): number {
    return this.#facts.add(header.xattrs.size === 0 ? header : { ...header, xattrs: noAttributes }, 0)
  }

  #describe(ino: Ino, header: EntryHeader): void {
    this.#facts.describe(this.tree.inodes.rowOf(ino), { ...header, xattrs: noAttributes })
    this.tree.setXattrs(ino, header.xattrs)
  }
}
