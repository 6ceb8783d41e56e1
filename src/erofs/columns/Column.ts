/**
 * A number for each row, page by page: there may be millions, and what grows is not copied. Rows that were not set have 0, and pages of
 * them take nothing: of many columns a whole image has zeros alone.
 */
type Numbers = Uint8Array | Uint16Array | Uint32Array | Float64Array

const pageBits = 13
const perPage = 2 ** pageBits

export class Column {
  readonly #Numbers: new (
    length: number
  ) => Numbers
  readonly #pages: Array<Numbers | undefined> = []

  /** The kind of its numbers. */
  constructor(numbers: new (length: number) => Numbers) {
    this.#Numbers = numbers
  }

  get(row: number): number {
    return this.#pages[row >>> pageBits]?.[row & (perPage - 1)] ?? 0
  }

  set(row: number, value: number): void {
    const index = row >>> pageBits
    let page = this.#pages[index]
    if (page === undefined) {
      if (value === 0) return
      page = new this.#Numbers(perPage)
      this.#pages[index] = page
    }
    page[row & (perPage - 1)] = value
  }
}
