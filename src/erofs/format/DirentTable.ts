/**
 * What all directories of an image hold, in columns: there may be millions of names, and a string and an object for each would
 * take several times the memory, and the collector's time. Names are bytes, back to back.
 */
import { blockBytes, direntBytes, direntFields } from "../../layer/erofs/format.ts"
import { Column } from "../columns/Column.ts"
import { NameIndex } from "../columns/NameIndex.ts"
import type { Ino } from "./InodeTable.ts"

/** What a name leads to. */
export interface Targets {
  readonly nid: (ino: Ino) => number
  readonly fileType: (ino: Ino) => number
}

export class DirentTable {
  readonly #names = new NameIndex()
  /** What each name leads to. */
  readonly #inodes = new Column(Uint32Array)
  /** Once they are sorted: the names, directory by directory, and where those of each begin. */
  #order = new Uint32Array(0)
  #firsts = new Uint32Array(0)

  /** What a name (a binary string) of a directory leads to; not the directory's own two. */
  get(directory: Ino, name: string): Ino | undefined {
    const found = this.#names.find(directory, name)
    return found === 0 ? undefined : this.#inodes.get(found)
  }

  /** A name that is not there yet, of at most `mostName` bytes. */
  add(directory: Ino, name: string, ino: Ino): void {
    this.#inodes.set(this.#names.add(directory, name), ino)
  }

  /** Its own two names, which are not found by `get`. */
  addDirectory(directory: Ino, parent: Ino): void {
    this.#inodes.set(this.#names.append(directory, "."), directory)
    this.#inodes.set(this.#names.append(directory, ".."), parent)
  }

  /** No name comes any more. `inodes`: how many there are. Then each directory is to be sorted. */
  seal(inodes: number): void {
    const names = this.#names
    names.seal()
    const firsts = new Uint32Array(inodes + 1)
    for (let name = 1; name < names.length; name++) this.#bump(firsts, names.parentOf(name) + 1)
    for (let ino = 0; ino < inodes; ino++) firsts[ino + 1] = (firsts[ino + 1] ?? 0) + (firsts[ino] ?? 0)
    const next = firsts.slice()
    this.#order = new Uint32Array(names.length - 1)
    for (let name = 1; name < names.length; name++) this.#order[this.#bump(next, names.parentOf(name))] = name
    this.#firsts = firsts
    names.forgetParents()
  }
  /** Names are sorted by their bytes, for the kernel's binary search, the directory's own two among them. Gives its size in bytes. */
  sort(directory: Ino): number {
    this.#order.subarray(this.#firsts[directory], this.#firsts[directory + 1]).sort((a, b) => this.#names.compare(a, b))
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
        const name = this.#order[at] ?? 0
        const ino = this.#inodes.get(name)
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
      const more = direntBytes + this.#names.lengthOf(this.#order[at] ?? 0)
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
