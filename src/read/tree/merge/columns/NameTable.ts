/** The names of a tree: each a row, in a directory that is a row too. The root is row 0. */

import { Column } from "../../../../erofs/columns/Column.ts"
import { NameIndex } from "../../../../erofs/columns/NameIndex.ts"

export class NameTable {
  readonly index = new NameIndex()
  /** Names of a directory, in the order in which they came: its first and last one, and those beside each; 0: none. */
  readonly #firsts = new Column()
  #lasts = new Column()
  #before = new Column()
  readonly #behind = new Column()

  /** Rows, those that were removed among them. */
  get length(): number {
    return this.index.length
  }

  /** A name (a binary string) of a directory; 0 where it is not there. */
  find(directory: number, name: string): number {
    return this.index.find(directory, name)
  }

  /** A name that is not there. */
  add(directory: number, name: string): number {
    const row = this.index.add(directory, name)
    const last = this.#lasts.get(directory)
    if (last === 0) this.#firsts.set(directory, row)
    else this.#behind.set(last, row)
    this.#before.set(row, last)
    this.#lasts.set(directory, row)
    return row
  }

  /** What is beneath it is not found any more either. */
  remove(row: number): void {
    const directory = this.parentOf(row)
    const [before, behind] = [this.#before.get(row), this.#behind.get(row)]
    if (before === 0) this.#firsts.set(directory, behind)
    else this.#behind.set(before, behind)
    if (behind === 0) this.#lasts.set(directory, before)
    else this.#before.set(behind, before)
    this.index.remove(row)
  }

  /** Frees what finds names, and what they are added and removed by: none is any more. */
  seal(): void {
    this.index.seal()
    this.#lasts = new Column()
    this.#before = new Column()
  }

  nameOf(row: number): string {
    return this.index.nameOf(row)
  }

  /** The directory that it is in. */
  parentOf(row: number): number {
    return this.index.parentOf(row)
  }

  /** The first name of a directory; 0 if it is empty. */
  firstIn(directory: number): number {
    return this.#firsts.get(directory)
  }

  /** The next name of the same directory; 0 behind the last. */
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

  /** Compares two names by their bytes. */
  compare(a: number, b: number): number {
    return this.index.compare(a, b)
  }
}
