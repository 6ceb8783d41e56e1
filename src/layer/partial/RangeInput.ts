/** The bytes of ranges of a blob, which come through the ring back to back, by their places in the blob. */
import type { RingReader } from "../Ring.ts"
import type { Range } from "./Table.ts"

/** Takes bytes and says whether it wants more. */
export type Take = (bytes: Uint8Array) => boolean

const mostAtOnce = 65_536

export class RangeInput {
  readonly #ring: RingReader
  readonly #read: (bytes: number) => void
  readonly #short: () => Error
  #ranges: ReadonlyArray<Range> = []
  #current = 0
  #position = 0

  /** `read` hears of bytes that came; `short` is thrown where they end early. */
  constructor(ring: RingReader, read: (bytes: number) => void, short: () => Error) {
    this.#ring = ring
    this.#read = read
    this.#short = short
  }

  /** All of them: what comes next. */
  expect(ranges: ReadonlyArray<Range>): void {
    this.#ranges = ranges
    this.#current = 0
    this.#position = ranges[0]?.from ?? 0
  }

  /** The bytes between two places, which lie in one of the ranges, after all that were taken. `pace`: how many at once. */
  take(from: number, to: number, pace: () => number, take: Take): void {
    while (this.#position < from) this.#step(from, mostAtOnce, () => true)
    if (this.#position !== from) throw this.#short()
    for (let isWanted = true; isWanted && this.#position < to; ) isWanted = this.#step(to, pace(), take)
  }

  #step(until: number, most: number, take: Take): boolean {
    const range = this.#ranges[this.#current]
    if (range === undefined) throw this.#short()
    if (this.#position >= range.to) {
      this.#current += 1
      this.#position = this.#ranges[this.#current]?.from ?? Number.POSITIVE_INFINITY
      return true
    }
    const bytes = this.#ring.read(Math.min(most, range.to - this.#position, until - this.#position))
    if (bytes === undefined) throw this.#short()
    const { length } = bytes
    const isWanted = take(bytes)
    this.#position += length
    this.#ring.release(length)
    this.#read(length)
    return isWanted
  }
}
