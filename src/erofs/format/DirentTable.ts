/**
 * The entries of all directories of an image, in columns: there may be millions, and an object for each would take several times
 * the memory, and time to collect. Their names are in a table that others share.
 */
import { blockBytes, direntBytes, direntFields } from "../../layer/erofs/format.ts"
import { Column } from "../columns/Column.ts"
import type { NameIndex } from "../columns/NameIndex.ts"
import type { Ino } from "./InodeTable.ts"

/** What a name leads to. */
export interface Targets {
  readonly nid: (ino: Ino) => number
  readonly fileType: (ino: Ino) => number
}

export class DirentTable {
  readonly #names: NameIndex
  /** What each directory calls itself and the one above it. */
  readonly #self: number
  readonly #above: number
  /** For each entry, its name and the inode it leads to. */
  readonly #rows = new Column()
  readonly #inodes = new Column()
  #directories = new Column()
  #length = 0
  /** Once they are sorted: the entries, directory by directory, and where those of each begin. */
  #order = new Uint32Array(0)
  #firsts = new Uint32Array(0)

  /** `names`: what entries are called by. It may hold names that no directory has. */
  constructor(names: NameIndex) {
    this.#names = names
    this.#self = names.append(0, ".")
    this.#above = names.append(0, "..")
  }

  /** A name that the directory does not have yet, of at most `mostName` bytes. */
  add(directory: Ino, name: number, ino: Ino): void {
    const entry = this.#length++
    this.#directories.set(entry, directory)
    this.#rows.set(entry, name)
    this.#inodes.set(entry, ino)
  }

  /** Its own two names. */
  addDirectory(directory: Ino, parent: Ino): void {
    this.add(directory, this.#self, directory)
    this.add(directory, this.#above, parent)
  }

  /** No name comes any more. `inodes`: how many there are. Then each directory is to be sorted. */
  seal(inodes: number): void {
    const next = new Uint32Array(inodes + 1)
    for (let entry = 0; entry < this.#length; entry++) this.#bump(next, this.#directories.get(entry) + 1)
    for (let ino = 0; ino < inodes; ino++) next[ino + 1] = (next[ino + 1] ?? 0) + (next[ino] ?? 0)
    this.#firsts = next.slice()
    this.#order = new Uint32Array(this.#length)
    for (let entry = 0; entry < this.#length; entry++)
      this.#order[this.#bump(next, this.#directories.get(entry))] = entry
    this.#directories = new Column()
  }

  /** Names are sorted by their bytes, for the kernel's binary search, the directory's own two among them. Gives its size in bytes. */
  sort(directory: Ino): number {
    const entries = this.#order.subarray(this.#firsts[directory], this.#firsts[directory + 1])
    const compare = (a: number, b: number) => this.#names.compare(this.#rows.get(a), this.#rows.get(b))
    // They nearly always are, and a sort copies them.
    if (entries.some((entry, at) => at > 0 && compare(entries[at - 1] ?? 0, entry) > 0)) entries.sort(compare)
    let size = 0
    for (const [, , used] of this.#blocks(directory)) size = Math.ceil(size / blockBytes) * blockBytes + used
    return size
  }

  /** A directory's bytes, block by block. The last ends with its last name; the others are filled up with zeros. */
  *content(directory: Ino, { nid, fileType }: Targets): Iterable<Uint8Array> {
    const last = this.#firsts[directory + 1] ?? 0
    for (const [from, to, used] of this.#blocks(directory)) {
      const block = Buffer.alloc(to === last ? used : blockBytes)
      // The first name's offset tells how many entries there are.
      let nameAt = (to - from) * direntBytes
      for (let at = from; at < to; at++) {
        const name = this.#rows.get(this.#order[at] ?? 0)
        const ino = this.#inodes.get(this.#order[at] ?? 0)
        const entry = (at - from) * direntBytes
        const number = nid(ino)
        block.writeUInt32LE(number % 2 ** 32, entry + direntFields.nid)
        block.writeUInt32LE(Math.floor(number / 2 ** 32), entry + direntFields.nid + 4)
        block.writeUInt16LE(nameAt, entry + direntFields.nameAt)
        block[entry + direntFields.fileType] = fileType(ino)
        this.#names.copy(name, block, nameAt)
        nameAt += this.#names.lengthOf(name)
      }
      yield block
    }
  }

  /** Which names share a block, as a range, and the bytes that they take: an entry and its name are never in two. */
  *#blocks(directory: Ino): Iterable<readonly [from: number, to: number, used: number]> {
    const last = this.#firsts[directory + 1] ?? 0
    let from = this.#firsts[directory] ?? 0
    let used = 0
    for (let at = from; at < last; at++) {
      const more = direntBytes + this.#names.lengthOf(this.#rows.get(this.#order[at] ?? 0))
      if (used + more > blockBytes) {
        yield [from, at, used]
        from = at
        used = 0
      }
      used += more
    }
    yield [from, last, used]
  }

  /** Counts up, and gives what was there before. */
  #bump(counts: Uint32Array, at: number): number {
    const before = counts[at] ?? 0
    counts[at] = before + 1
    return before
  }
}
