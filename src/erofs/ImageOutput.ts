/** Bytes in order → chunks of one length, and the shared block that is written later than what is in it was made. */
import { blockBytes } from "../layer/erofs/format.ts"
import { countRead } from "../seams/v8/collectHeap.ts"

const chunkBytes = 256 * 1024

/** Bytes, and where they are in the image. */
export interface Chunk {
  readonly position: number
  readonly bytes: Uint8Array
}

export class ImageOutput {
  #chunk = Buffer.allocUnsafe(chunkBytes)
  #filled = 0
  /** Where the chunk begins. */
  #start = 0
  readonly #ready: Array<Chunk> = []
  /** Bytes that were written. */
  position = 0

  /** Full chunks, for the caller to keep. */
  take(): ReadonlyArray<Chunk> {
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

  /** Passes over blocks, which somebody else writes. What was written before is ready then. */
  skip(blocks: number): void {
    // Copied, since most of what is between two files is small.
    const bytes = Buffer.from(this.#chunk.subarray(0, this.#filled))
    if (bytes.length > 0) this.#ready.push({ position: this.#start, bytes })
    this.#filled = 0
    this.position += blocks * blockBytes
    this.#start = this.position
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
    this.#ready.push({ position: this.#start, bytes: this.#chunk.subarray(0, this.#filled) })
    this.#start += this.#filled
    this.#chunk = Buffer.allocUnsafe(chunkBytes)
    this.#filled = 0
    countRead(chunkBytes)
  }
}
