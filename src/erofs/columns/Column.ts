type Numbers = Uint8Array | Uint16Array | Uint32Array | Float64Array

const pageBits = 13
const perPage = 2 ** pageBits

/** The narrowest first. The last holds every number. */
const widths = [Uint8Array, Uint16Array, Uint32Array, Float64Array] as const

/**
 * A number for each row, page by page: there may be millions, and what grows is not copied. Rows that were not set have 0, and pages of
 * them take nothing: of many columns a whole image has zeros alone. A page is as wide as its largest number asks for.
 */
export class Column {
  readonly #pages: Array<Numbers | undefined> = []
  /** The width of the page that was made last. The next one will need as much. */
  #width = 0

  get(row: number): number {
    return this.#pages[row >>> pageBits]?.[row & (perPage - 1)] ?? 0
  }

  set(row: number, value: number): void {
    const page = this.#pages[row >>> pageBits]
    if (page === undefined) {
      if (value === 0) return
    } else {
      page[row & (perPage - 1)] = value
      if (page[row & (perPage - 1)] === value) return
    }
    this.#widen(row >>> pageBits, value)[row & (perPage - 1)] = value
  }

  /** A page that has room for a number. */
  #widen(index: number, value: number): Numbers {
    const before = this.#pages[index]
    const known = before === undefined ? this.#width : widths.findIndex((kind) => before instanceof kind)
    const fits = (kind: (typeof widths)[number]) => kind === Float64Array || kind.of(value)[0] === value
    this.#width = widths.findIndex((kind, at) => at >= known && fits(kind))
    const page = new (widths[this.#width] ?? Float64Array)(perPage)
    // The row itself is written anew: what is there of it may be wrong.
    if (before !== undefined) page.set(before)
    this.#pages[index] = page
    return page
  }
}
