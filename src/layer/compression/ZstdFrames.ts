/**
 * Where the frames and blocks of a zstd stream (RFC 8878) end, without decoding them. A block of four bytes may hold
 * 128 KiB, so a decoder that gives all of one write's output at once is fed few blocks at a time; and none may be
 * trusted to find the next frame, or to notice that one is missing.
 */

const magic = 0xfd2fb528
const skippable = 0x184d2a50

/** Bytes of history that a frame may demand: what the `zstd` command and Node's decoder allow, too. */
export const windowBytes = 2 ** 27

/** What one block may hold, and how long it may be (RFC 8878 §3.1.1.2.4). Decoders cut longer ones off, or go on for minutes. */
const blockBytes = 2 ** 17

/** Blocks of one piece: at most 4 MiB of output. */
const blocksPerPiece = 32

/** Takes a piece, which lies within one frame. */
export type Piece = (bytes: Uint8Array) => void

type Field = "magic" | "skip" | "descriptor" | "header" | "block" | "checksum"

export class ZstdFrames {
  readonly #piece: Piece
  readonly #corrupt: (problem: string) => Error
  readonly #scratch = Buffer.alloc(16)
  #field: Field = "magic"
  #need = 4
  #have = 0
  /** Bytes of the current block's or skippable frame's content that are still to come. */
  #content = 0
  #skipping = false
  #descriptor = 0
  #last = false
  #blocks = 0
  #window = 0

  constructor(piece: Piece, corrupt: (problem: string) => Error) {
    this.#piece = piece
    this.#corrupt = corrupt
  }

  /** Bytes up to the next block's header: within them no more than one block ends. */
  get left(): number {
    return this.#content + this.#need - this.#have
  }

  push(chunk: Uint8Array): void {
    let start = 0
    let at = 0
    const flush = () => {
      if (at > start) this.#piece(chunk.subarray(start, at))
      start = at
      this.#blocks = 0
    }
    while (at < chunk.length) {
      if (this.#content > 0) {
        const taken = Math.min(this.#content, chunk.length - at)
        at += taken
        this.#content -= taken
        if (this.#skipping) start = at
        if (this.#content > 0) break
        if (!this.#skipping && this.#blockEnded()) flush()
        this.#skipping = false
        continue
      }
      this.#scratch[this.#have++] = chunk[at++] ?? 0
      if (this.#have < this.#need) continue
      this.#have = 0
      const before = this.#field
      const ended = this.#fieldEnded()
      if (before === "magic" || before === "skip") start = at
      else if (ended) flush()
    }
    if (this.#field !== "magic" && this.#field !== "skip" && !this.#skipping) flush()
  }

  end(): void {
    if (this.#field !== "magic" || this.#have > 0 || this.#content > 0)
      throw this.#corrupt("the zstd stream ends within a frame")
  }

  #expect(field: Field, need: number): void {
    this.#field = field
    this.#need = need
  }

  /** Says whether the piece must end here. */
  #fieldEnded(): boolean {
    const bytes = this.#scratch
    switch (this.#field) {
      case "magic": {
        const found = bytes.readUInt32LE(0)
        if ((found & 0xfffffff0) >>> 0 === skippable) this.#expect("skip", 4)
        else if (found === magic) {
          this.#expect("descriptor", 1)
          this.#piece(Uint8Array.from(bytes.subarray(0, 4)))
        } else throw this.#corrupt("garbage where a zstd frame should begin")
        return false
      }
      case "skip":
        this.#content = bytes.readUInt32LE(0)
        this.#skipping = this.#content > 0
        this.#expect("magic", 4)
        return false
      case "descriptor": {
        this.#descriptor = bytes[0] ?? 0
        const single = (this.#descriptor >> 5) & 1
        const dictionary = [0, 1, 2, 4][this.#descriptor & 3] ?? 0
        if (dictionary > 0) throw this.#corrupt("a zstd frame that needs a dictionary")
        this.#expect("header", 1 - single + ([single, 2, 4, 8][this.#descriptor >> 6] ?? 0))
        return false
      }
      case "header":
        this.#checkWindow()
        this.#expect("block", 3)
        return false
      case "block": {
        const header = bytes.readUIntLE(0, 3)
        const type = (header >> 1) & 3
        if (type === 3) throw this.#corrupt("a zstd block of a reserved type")
        if (header >> 3 > Math.min(blockBytes, this.#window)) throw this.#corrupt("a zstd block that is too long")
        this.#last = (header & 1) === 1
        this.#content = type === 1 ? 1 : header >> 3
        return this.#content === 0 && this.#blockEnded()
      }
      case "checksum":
        this.#expect("magic", 4)
        return true
    }
  }

  #blockEnded(): boolean {
    this.#blocks++
    if (!this.#last) return this.#blocks >= blocksPerPiece
    const checksum = ((this.#descriptor >> 2) & 1) === 1
    this.#expect(checksum ? "checksum" : "magic", 4)
    return !checksum
  }

  #checkWindow(): void {
    const single = ((this.#descriptor >> 5) & 1) === 1
    const bytes = this.#scratch
    let window: number
    if (single) {
      const width = [1, 2, 4, 8][this.#descriptor >> 6]
      window =
        width === 8
          ? bytes.readUInt32LE(0) + bytes.readUInt32LE(4) * 2 ** 32
          : bytes.readUIntLE(0, width ?? 1) + (width === 2 ? 256 : 0)
    } else {
      const exponent = (bytes[0] ?? 0) >> 3
      const base = 2 ** (10 + exponent)
      window = base + (base / 8) * ((bytes[0] ?? 0) & 7)
    }
    this.#window = window
    if (window > windowBytes) throw this.#corrupt(`a zstd frame that needs a window of ${window} bytes`)
  }
}
