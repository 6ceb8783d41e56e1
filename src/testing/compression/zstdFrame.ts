/** Valid zstd without a compressor: a frame of raw and run-length blocks (RFC 8878 §3.1.1). */
import type { Chunks } from "../Content.ts"
import { pieces } from "./pieces.ts"

/** The most a block may hold, and the window the frame announces. */
const blockBytes = 128 * 1024

/** Magic; a descriptor that says "no size, no checksum, no dictionary"; a window of 2^17. */
const frameHeader = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38)

export async function* zstdFrame(chunks: Chunks): AsyncGenerator<Uint8Array> {
  yield frameHeader
  for await (const piece of pieces(chunks, blockBytes)) {
    const [first] = piece
    const repeated = first !== undefined && piece.every((byte) => byte === first)
    yield blockHeader(piece.length, repeated)
    yield repeated ? Uint8Array.of(first) : piece
  }
  // An empty raw block closes the frame, so that no block needs to know that it is the last.
  yield Uint8Array.of(1, 0, 0)
}

/** 1 bit: last. 2 bits: type (0 raw, 1 run-length). 21 bits: size. */
const blockHeader = (size: number, repeated: boolean): Uint8Array => {
  const value = (size << 3) | (repeated ? 0b010 : 0)
  return Uint8Array.of(value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff)
}

/** What a decoder must pass over: 16 magics, four bytes of size, any bytes (RFC 8878 §3.1.2). */
export const zstdSkippableFrame = (bytes: Uint8Array): Uint8Array => {
  const header = Buffer.alloc(8)
  header.writeUInt32LE(0x184d2a50, 0)
  header.writeUInt32LE(bytes.length, 4)
  return Buffer.concat([header, bytes])
}
