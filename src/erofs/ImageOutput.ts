/** Bytes in order → chunks of one length, and the shared block that is written later than what is in it was made. */
import { blockBytes } from "./format/blocks.ts"

const chunkBytes = 256 * 1024

export class ImageOutput {
  #chunk = Buffer.allocUnsafe(chunkBytes)
  #filled = 0
  readonly #ready: Array<Uint8Array> = []
  /** Bytes that were written. */
  position = 0

  /** Full chunks, for the caller to keep. */
  take(): ReadonlyArray<Uint8Array> {
    return this.#ready.splice(0)
  }

  get hasChunk(): boolean {
    return this.#ready.length > 0
  }

  write(bytes: Uint8Array): void {
    this.position += bytes.length
    for (let at = 0; at < bytes.length; ) {
      const room = chunkBytes - this.#filled
      const piece = at === 0 && bytes.length <= room ? bytes : bytes.subarray(at, at + room)
      this.#chunk.set(piece, this.#filled)
      this.#filled += piece.length
      at += piece.length
      if (this.#filled === chunkBytes) this.#push()
    }
  }

  /** Zeros up to the end of the block. */
  pad(): void {
    // A chunk holds whole blocks.
    const length = (blockBytes - (this.position % blockBytes)) % blockBytes
    if (length === 0) return
    this.#chunk.fill(0, this.#filled, this.#filled + length)
    this.#filled += length
    this.position += length
    if (this.#filled === chunkBytes) this.#push()
  }

  /** The last chunk, which may be shorter. */
  end(): void {
    if (this.#filled > 0) this.#push()
  }

  #push(): void {
    this.#ready.push(this.#chunk.subarray(0, this.#filled))
    this.#chunk = Buffer.allocUnsafe(chunkBytes)
    this.#filled = 0
  }
}
