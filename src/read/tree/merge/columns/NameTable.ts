/** The names of a tree: each a row, in a directory that is a row too. The root is row 0. */

import { Column } from "../../../../erofs/columns/Column.ts"
import { TextTable } from "../../../../erofs/columns/TextTable.ts"
import { hashName, mostName } from "../../../../erofs/format/hashName.ts"

export class NameTable {
  /** Rows, those that were removed among them. */
  length = 1
  readonly #texts = new TextTable()
  readonly #starts = new Column(Float64Array)
  readonly #lengths = new Column(Uint32Array)
  readonly #parents = new Column(Uint32Array)
  readonly #hashes = new Column(Uint32Array)
  /** Names of a directory, in the order in which they came: its first and last one, and those beside each; 0: none. */
  readonly #firsts = new Column(Uint32Array)
  readonly #lasts = new Column(Uint32Array)
  readonly #before = new Column(Uint32Array)
  readonly #behind = new Column(Uint32Array)
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
    const row = this.length++
    this.#starts.set(row, this.#texts.add(name))
    this.#lengths.set(row, name.length)
    this.#parents.set(row, directory)
    const last = this.#lasts.get(directory)
    if (last === 0) this.#firsts.set(directory, row)
    else this.#behind.set(last, row)
    this.#before.set(row, last)
    this.#lasts.set(directory, row)
    if (name.length > mostName) this.#long.set(`${directory}/${name}`, row)
    else this.#insert(row, directory, name)
    return row
  }

  /** What is beneath it is not found any more either. */
  remove(row: number): void {
    const directory = this.#parents.get(row)
    const [before, behind] = [this.#before.get(row), this.#behind.get(row)]
    if (before === 0) this.#firsts.set(directory, behind)
    else this.#behind.set(before, behind)
    if (behind === 0) this.#lasts.set(directory, before)
    else this.#before.set(behind, before)
    const name = this.nameOf(row)
    if (name.length > mostName) this.#long.delete(`${directory}/${name}`)
    else this.#vacate(this.#slotOf(directory, name, this.#hashes.get(row)))
  }

  nameOf(row: number): string {
    return this.#texts.get(this.#starts.get(row), this.#lengths.get(row))
  }

  /** The directory that it is in. */
  parentOf(row: number): number {
    return this.#parents.get(row)
  }

  /** The first name of a directory, and the one behind a name; 0 where there is none. */
  firstIn(directory: number): number {
    return this.#firsts.get(directory)
  }

  behind(row: number): number {
    return this.#behind.get(row)
  }

  /** Those of a directory, in the order in which they came. The one that was given may be removed. */
  *in(directory: number): Generator<number, undefined> {
    for (let row = this.#firsts.get(directory); row !== 0; ) {
      const next = this.#behind.get(row)
      yield row
      row = next
    }
  }

  /** By the bytes of their names alone. */
  compare(a: number, b: number): number {
    return this.#texts.compare(this.#starts.get(a), this.#lengths.get(a), this.#starts.get(b), this.#lengths.get(b))
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
