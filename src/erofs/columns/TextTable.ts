/** Binary strings, back to back: a string of its own for each would take twice the memory, and the collector's time. */
const pageBytes = 2 ** 16

export class TextTable {
  readonly #pages: Array<Buffer> = []
  /** Bytes that are taken of the last page. */
  #used = 0

  /** Gives where it is. */
  add(text: string): number {
    if (this.#pages.length === 0 || this.#used + text.length > pageBytes) {
      // A longer text has a page for itself alone.
      this.#pages.push(Buffer.allocUnsafeSlow(Math.max(pageBytes, text.length)))
      this.#used = 0
    }
    const page = this.#pages.length - 1
    const at = page * pageBytes + this.#used
    this.#pages[page]?.write(text, this.#used, "latin1")
    this.#used += text.length
    return at
  }

  get(at: number, length: number): string {
    if (length === 0) return ""
    const from = at % pageBytes
    return this.#pageOf(at).toString("latin1", from, from + length)
  }

  /** Into a buffer that has room for it. */
  copy(at: number, length: number, to: Uint8Array, position: number): void {
    const page = this.#pageOf(at)
    const from = at % pageBytes
    // Names are short: a call for each would cost more.
    for (let byte = 0; byte < length; byte++) to[position + byte] = page[from + byte] ?? 0
  }

  is(at: number, text: string): boolean {
    const page = this.#pageOf(at)
    const from = at % pageBytes
    for (let byte = 0; byte < text.length; byte++) if (page[from + byte] !== text.charCodeAt(byte)) return false
    return true
  }

  includes(at: number, length: number, byte: number): boolean {
    const page = this.#pageOf(at)
    const from = at % pageBytes
    for (let place = from; place < from + length; place++) if (page[place] === byte) return true
    return false
  }

  /** Compares two texts by their bytes. */
  compare(a: number, aLength: number, b: number, bLength: number): number {
    const [one, other] = [this.#pageOf(a), this.#pageOf(b)]
    const [from, otherFrom] = [a % pageBytes, b % pageBytes]
    const shorter = Math.min(aLength, bLength)
    for (let byte = 0; byte < shorter; byte++) {
      const difference = (one[from + byte] ?? 0) - (other[otherFrom + byte] ?? 0)
      if (difference !== 0) return difference
    }
    return aLength - bLength
  }

  #pageOf(at: number): Buffer {
    return this.#pages[Math.floor(at / pageBytes)] as Buffer
  }
}
