import type { Chunks } from "../Content.ts"

/** The same bytes in pieces of exactly `size`, the last excepted; at least one. */
export async function* pieces(chunks: Chunks, size: number): AsyncGenerator<Uint8Array> {
  const piece = Buffer.alloc(size)
  let filled = 0
  let yielded = false
  for await (const chunk of chunks) {
    for (let position = 0; position < chunk.length; ) {
      const taken = Math.min(size - filled, chunk.length - position)
      piece.set(chunk.subarray(position, position + taken), filled)
      filled += taken
      position += taken
      if (filled < size) continue
      yield Buffer.from(piece)
      yielded = true
      filled = 0
    }
  }
  if (filled > 0 || !yielded) yield Buffer.from(piece.subarray(0, filled))
}
