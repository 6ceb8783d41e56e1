/**
 * What all directories of an image hold, in columns: there may be millions of names, and a string and an object for each would
 * take several times the memory, and the collector's time. Names are bytes, back to back.
 */
import { blockBytes, direntBytes, direntFields } from "../../layer/erofs/format.ts"
import { Column } from "../columns/Column.ts"
import { TextTable } from "../columns/TextTable.ts"
import { hashName, mostName } from "./hashName.ts"
import type { Ino } from "./InodeTable.ts"

/** What a name leads to. */
export interface Targets {
  readonly nid: (ino: Ino) => number
  readonly fileType: (ino: Ino) => number
}

export class DirentTable {
  readonly #texts = new TextTable()
  #count = 0
  /** By the number of the name: where it is in the texts, its length, what it leads to, the directory that it is in, its hash. */
  readonly #starts = new Column(Float64Array)
  readonly #lengths = new Column(Uint8Array)
  readonly #inodes = new Column(Uint32Array)
  #directories = new Column(Uint32Array)
  #hashes = new Column(Uint32Array)
  /** Numbers of names, from 1 on, where their hash says or as near behind as there is room; a power of two, at most half full. */
  #slots = new Uint32Array(2 ** 11)
  /** Once they are sorted: the numbers of names, directory by directory, and where those of each begin. */
  #order = new Uint32Array(0)
  #firsts = new Uint32Array(0)

  /** What a name (a binary string) of a directory leads to; not the directory's own two. */
  get(directory: Ino, name: string): Ino | undefined {
    if (name.length > mostName) return undefined
    const slot = this.#slotOf(directory, name, hashName(directory, name))
    const found = this.#slots[slot] ?? 0
    return found === 0 ? undefined : this.#inodes.get(found - 1)
  }

  /** A name that is not there yet, of at most `mostName` bytes. */
  add(directory: Ino, name: string, ino: Ino): void {
    if (this.#count * 2 >= this.#slots.length) this.#rehash()
    const hash = hashName(directory, name)
    const slot = this.#slotOf(directory, name, hash)
    this.#append(directory, name, ino, hash)
    this.#slots[slot] = this.#count
  }

  /** Its own two names, which are not found by `get`. */
  addDirectory(directory: Ino, parent: Ino): void {
    this.#append(directory, ".", directory, 0)
    this.#append(directory, "..", parent, 0)
  }

  /** No name comes any more. `inodes`: how many there are. Then each directory is to be sorted. */
  seal(inodes: number): void {
    this.#slots = new Uint32Array(0)
    this.#hashes = new Column(Uint32Array)
    const firsts = new Uint32Array(inodes + 1)
    for (let at = 0; at < this.#count; at++) this.#bump(firsts, this.#directories.get(at) + 1)
    for (let ino = 0; ino < inodes; ino++) firsts[ino + 1] = (firsts[ino + 1] ?? 0) + (firsts[ino] ?? 0)
    const next = firsts.slice()
    this.#order = new Uint32Array(this.#count)
    for (let at = 0; at < this.#count; at++) this.#order[this.#bump(next, this.#directories.get(at))] = at
    this.#firsts = firsts
    this.#directories = new Column(Uint32Array)
  }

  /** Names are sorted by their bytes, for the kernel's binary search, the directory's own two among them. Gives its size in bytes. */
  sort(directory: Ino): number {
    this.#order.subarray(this.#firsts[directory], this.#firsts[directory + 1]).sort((a, b) => this.#compare(a, b))
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
        const length = this.#lengths.get(name)
        this.#texts.copy(this.#starts.get(name), length, block, nameAt)
        nameAt += length
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
      const more = direntBytes + this.#lengths.get(this.#order[at] ?? 0)
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

  #compare(a: number, b: number): number {
    return this.#texts.compare(this.#starts.get(a), this.#lengths.get(a), this.#starts.get(b), this.#lengths.get(b))
  }

  #append(directory: Ino, name: string, ino: Ino, hash: number): void {
    const at = this.#count++
    this.#starts.set(at, this.#texts.add(name))
    this.#lengths.set(at, name.length)
    this.#inodes.set(at, ino)
    this.#directories.set(at, directory)
    this.#hashes.set(at, hash)
  }

  /** Where it is, or would be. */
  #slotOf(directory: Ino, name: string, hash: number): number {
    const mask = this.#slots.length - 1
    let slot = hash & mask
    for (let found = this.#slots[slot] ?? 0; found !== 0; found = this.#slots[slot] ?? 0) {
      if (this.#hashes.get(found - 1) === hash && this.#isThis(found - 1, directory, name)) return slot
      slot = (slot + 1) & mask
    }
    return slot
  }

  #isThis(at: number, directory: Ino, name: string): boolean {
    if (this.#directories.get(at) !== directory || this.#lengths.get(at) !== name.length) return false
    return this.#texts.is(this.#starts.get(at), name)
  }

  #rehash(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(2 * old.length)
    const mask = this.#slots.length - 1
    for (const found of old) {
      if (found === 0) continue
      let slot = this.#hashes.get(found - 1) & mask
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
      this.#slots[slot] = found
    }
  }
}
