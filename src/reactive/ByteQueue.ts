/**
 * Bytes that wait, in order. What it takes to hold them is bounded by how many they are, whatever pieces they came in: a
 * piece is copied where it is small, or a small part of the buffer that it keeps in memory.
 */

/** Bytes of a piece from which on it is held as it is. */
const large = 4096
/** Bytes of the buffers that smaller ones are put together in. */
const blockBytes = 16_384

export class ByteQueue {
  #held: Array<Uint8Array> = []
  #first = 0
  /** The last of what is held, where it has room. */
  #open: { readonly block: Uint8Array; used: number } | undefined
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  /** The caller may not change the bytes afterwards. */
  push(piece: Uint8Array): void {
    this.#bytes += piece.length
    let rest = piece
    // One byte after the other, perhaps: no view is made of it.
    if (this.#open !== undefined && rest.length < this.#open.block.length - this.#open.used) {
      this.#open.block.set(rest, this.#open.used)
      this.#open.used += rest.length
      return
    }
    while (rest.length > 0) {
      if (this.#open === undefined) {
        if (rest.length >= large && rest.length * 2 >= rest.buffer.byteLength) {
          this.#held.push(rest)
          return
        }
        this.#open = { block: Buffer.allocUnsafeSlow(blockBytes), used: 0 }
      }
      const { block, used } = this.#open
      const taken = rest.subarray(0, block.length - used)
      block.set(taken, used)
      this.#open.used += taken.length
      rest = rest.subarray(taken.length)
      if (this.#open.used === block.length) this.#close()
    }
  }

  /** The first of what is held; `undefined` where nothing is. */
  shift(): Uint8Array | undefined {
    if (this.#first === this.#held.length) this.#close()
    const piece = this.#held[this.#first]
    if (piece === undefined) return undefined
    this.#first += 1
    if (this.#first === this.#held.length || this.#first === 1024) {
      this.#held = this.#held.slice(this.#first)
      this.#first = 0
    }
    this.#bytes -= piece.length
    return piece
  }

  /** All of it. */
  take(): ReadonlyArray<Uint8Array> {
    this.#close()
    const all = this.#held.slice(this.#first)
    this.clear()
    return all
  }

  clear(): void {
    this.#held = []
    this.#first = 0
    this.#open = undefined
    this.#bytes = 0
  }

  #close(): void {
    if (this.#open === undefined) return
    const { block, used } = this.#open
    this.#held.push(block.subarray(0, used))
    this.#open = undefined
  }
}
