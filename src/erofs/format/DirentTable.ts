/**
 * What all directories of an image hold, in columns: there may be millions of names, and a string and an object for each would
 * take several times the memory, and the collector's time. Names are bytes, back to back.
 */
import { blockBytes, direntBytes, direntFields } from "../../layer/erofs/format.ts"
import { hashName, mostName } from "./hashName.ts"
import type { Ino } from "./InodeTable.ts"

/** What a name leads to. */
export interface Targets {
  readonly nid: (ino: Ino) => number
  readonly fileType: (ino: Ino) => number
}

/** Room for at least `length` values, twice as many as there were. */
const grown = <A extends Uint8Array | Uint32Array>(column: A, length: number): A => {
  if (length <= column.length) return column
  const Column = column.constructor as new (length: number) => A
  const larger = new Column(Math.max(length, 2 * column.length))
  larger.set(column)
  return larger
}

export class DirentTable {
  #bytes: Uint8Array = new Uint8Array(2 ** 14)
  #used = 0
  #count = 0
  /** By the number of the name: where it begins in the bytes, its length, what it leads to, the directory that it is in, its hash. */
  #starts = new Uint32Array(2 ** 10)
  #lengths = new Uint8Array(2 ** 10)
  #inodes = new Uint32Array(2 ** 10)
  #directories = new Uint32Array(2 ** 10)
  #hashes = new Uint32Array(2 ** 10)
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
    return found === 0 ? undefined : this.#inodes[found - 1]
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
    this.#hashes = new Uint32Array(0)
    const firsts = new Uint32Array(inodes + 1)
    for (let at = 0; at < this.#count; at++) this.#bump(firsts, (this.#directories[at] ?? 0) + 1)
    for (let ino = 0; ino < inodes; ino++) firsts[ino + 1] = (firsts[ino + 1] ?? 0) + (firsts[ino] ?? 0)
    const next = firsts.slice()
    this.#order = new Uint32Array(this.#count)
    for (let at = 0; at < this.#count; at++) this.#order[this.#bump(next, this.#directories[at] ?? 0)] = at
    this.#firsts = firsts
    this.#directories = new Uint32Array(0)
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
        const ino = this.#inodes[name] ?? 0
        const entry = (at - from) * direntBytes
        const number = nid(ino)
        block.writeUInt32LE(number % 2 ** 32, entry + direntFields.nid)
        block.writeUInt32LE(Math.floor(number / 2 ** 32), entry + direntFields.nid + 4)
        block.writeUInt16LE(nameAt, entry + direntFields.nameAt)
        block[entry + direntFields.fileType] = fileType(ino)
        const [start, length] = [this.#starts[name] ?? 0, this.#lengths[name] ?? 0]
        for (let byte = 0; byte < length; byte++) block[nameAt + byte] = this.#bytes[start + byte] ?? 0
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
      const more = direntBytes + (this.#lengths[this.#order[at] ?? 0] ?? 0)
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
    const [from, other] = [this.#starts[a] ?? 0, this.#starts[b] ?? 0]
    const [length, otherLength] = [this.#lengths[a] ?? 0, this.#lengths[b] ?? 0]
    const shorter = Math.min(length, otherLength)
    for (let at = 0; at < shorter; at++) {
      const difference = (this.#bytes[from + at] ?? 0) - (this.#bytes[other + at] ?? 0)
      if (difference !== 0) return difference
    }
    return length - otherLength
  }

  #append(directory: Ino, name: string, ino: Ino, hash: number): void {
    const at = this.#count++
    this.#starts = grown(this.#starts, at + 1)
    this.#lengths = grown(this.#lengths, at + 1)
    this.#inodes = grown(this.#inodes, at + 1)
    this.#directories = grown(this.#directories, at + 1)
    this.#hashes = grown(this.#hashes, at + 1)
    this.#bytes = grown(this.#bytes, this.#used + name.length)
    this.#starts[at] = this.#used
    this.#lengths[at] = name.length
    this.#inodes[at] = ino
    this.#directories[at] = directory
    this.#hashes[at] = hash
    for (let byte = 0; byte < name.length; byte++) this.#bytes[this.#used++] = name.charCodeAt(byte)
  }

  /** Where it is, or would be. */
  #slotOf(directory: Ino, name: string, hash: number): number {
    const mask = this.#slots.length - 1
    let slot = hash & mask
    for (let found = this.#slots[slot] ?? 0; found !== 0; found = this.#slots[slot] ?? 0) {
      if (this.#hashes[found - 1] === hash && this.#isThis(found - 1, directory, name)) return slot
      slot = (slot + 1) & mask
    }
    return slot
  }

  #isThis(at: number, directory: Ino, name: string): boolean {
    if (this.#directories[at] !== directory || this.#lengths[at] !== name.length) return false
    const start = this.#starts[at] ?? 0
    for (let byte = 0; byte < name.length; byte++) if (this.#bytes[start + byte] !== name.charCodeAt(byte)) return false
    return true
  }

  #rehash(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(2 * old.length)
    const mask = this.#slots.length - 1
    for (const found of old) {
      if (found === 0) continue
      let slot = (this.#hashes[found - 1] ?? 0) & mask
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
      this.#slots[slot] = found
    }
  }
}
