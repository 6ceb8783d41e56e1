/** Names in directories, each a row, found by directory and name. Rows count from 1; 0 stands for no name. */
import { Column } from "./Column.ts"
import { hashName, mostName } from "./hashName.ts"
import { TextTable } from "./TextTable.ts"

export class NameIndex {
  /** The next row; those that were removed count as well. */
  length = 1
  readonly #texts = new TextTable()
  readonly #starts = new Column()
  readonly #lengths = new Column()
  #parents = new Column()
  #hashes = new Column()
  /** Rows, where their hash says or as near behind as there is room; a power of two, at most half full. */
  #slots = new Uint32Array(2 ** 8)
  #taken = 0
  /** Names that no file system of Linux has, by directory and name. */
  readonly #long = new Map<string, number>()

  /** A name (a binary string) of a directory; 0 where it is not there. */
  find(directory: number, name: string): number {
    if (name.length > mostName) return this.#long.get(`${directory}/${name}`) ?? 0
    return this.#slots[this.#slotOf(directory, name, hashName(directory, name))] ?? 0
  }

  /** A name that is not there. */
  add(directory: number, name: string): number {
    const row = this.append(directory, name)
    if (name.length > mostName) this.#long.set(`${directory}/${name}`, row)
    else this.#insert(row, directory, name)
    return row
  }

  /** A name that is never found. */
  append(directory: number, name: string): number {
    const row = this.length++
    this.#starts.set(row, this.#texts.add(name))
    this.#lengths.set(row, name.length)
    this.#parents.set(row, directory)
    return row
  }

  /** It is not found any more. */
  remove(row: number): void {
    const [directory, name] = [this.parentOf(row), this.nameOf(row)]
    if (name.length > mostName) this.#long.delete(`${directory}/${name}`)
    else this.#vacate(this.#slotOf(directory, name, this.#hashes.get(row)))
  }

  nameOf(row: number): string {
    return this.#texts.get(this.#starts.get(row), this.#lengths.get(row))
  }

  lengthOf(row: number): number {
    return this.#lengths.get(row)
  }

  /** Its bytes, into a buffer that has room for them. */
  copy(row: number, to: Uint8Array, at: number): void {
    this.#texts.copy(this.#starts.get(row), this.#lengths.get(row), to, at)
  }

  /** Whether a byte is in it. */
  includes(row: number, byte: number): boolean {
    return this.#texts.includes(this.#starts.get(row), this.#lengths.get(row), byte)
  }

  /** The directory that it is in. */
  parentOf(row: number): number {
    return this.#parents.get(row)
  }

  /** Compares two names by their bytes. */
  compare(a: number, b: number): number {
    return this.#texts.compare(this.#starts.get(a), this.#lengths.get(a), this.#starts.get(b), this.#lengths.get(b))
  }

  /** Frees what finds names: none is looked for, added or removed any more. */
  seal(): void {
    this.#slots = new Uint32Array(0)
    this.#hashes = new Column()
    this.#long.clear()
  }

  /** Frees what tells the directory of a name. Only once it is sealed. */
  forgetParents(): void {
    this.#parents = new Column()
  }

  #insert(row: number, directory: number, name: string): void {
    if (++this.#taken * 2 > this.#slots.length) this.#rehash()
    const hash = hashName(directory, name)
    this.#hashes.set(row, hash)
    this.#slots[this.#slotOf(directory, name, hash)] = row
  }

  /** Where it is, or would be. */
  #slotOf(directory: number, name: string, hash: number): number {
    const mask = this.#slots.length - 1
    let slot = hash & mask
    for (let row = this.#slots[slot] ?? 0; row !== 0; row = this.#slots[slot] ?? 0) {
      if (this.#hashes.get(row) === hash && this.#isThis(row, directory, name)) return slot
      slot = (slot + 1) & mask
    }
    return slot
  }

  #isThis(row: number, directory: number, name: string): boolean {
    if (this.#parents.get(row) !== directory || this.#lengths.get(row) !== name.length) return false
    return this.#texts.is(this.#starts.get(row), name)
  }

  /** Those behind it that it kept from their own place move up. */
  #vacate(slot: number): void {
    const mask = this.#slots.length - 1
    let free = slot
    for (let at = (slot + 1) & mask; this.#slots[at] !== 0; at = (at + 1) & mask) {
      const row = this.#slots[at] ?? 0
      const wanted = this.#hashes.get(row) & mask
      if (((at - wanted) & mask) < ((at - free) & mask)) continue
      this.#slots[free] = row
      free = at
    }
    this.#slots[free] = 0
    this.#taken -= 1
  }

  #rehash(): void {
    const old = this.#slots
    this.#slots = new Uint32Array(2 * old.length)
    const mask = this.#slots.length - 1
    for (const row of old) {
      if (row === 0) continue
      let slot = this.#hashes.get(row) & mask
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
      this.#slots[slot] = row
    }
  }
}
