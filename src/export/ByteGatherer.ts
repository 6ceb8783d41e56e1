/** Small pieces, which headers and padding are, gathered: each chunk of the result is a write, or a message. */

const gathered = 2 ** 16

/** Pieces larger than this are passed on as they are. */
const small = 2 ** 14

export class ByteGatherer {
  #held = Buffer.allocUnsafe(gathered)
  #length = 0

  /** What is complete now. A small piece is copied, and can be overwritten after. */
  add(bytes: Uint8Array): ReadonlyArray<Uint8Array> {
    if (bytes.length > small) return [...this.flush(), bytes]
    const full = this.#length + bytes.length > gathered ? this.flush() : []
    this.#held.set(bytes, this.#length)
    this.#length += bytes.length
    return full
  }

  flush(): ReadonlyArray<Uint8Array> {
    if (this.#length === 0) return []
    const whole = this.#held.subarray(0, this.#length)
    this.#held = Buffer.allocUnsafe(gathered)
    this.#length = 0
    return [whole]
  }
}
