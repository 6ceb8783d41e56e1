/** Decompresses by what reads layers, in steps so small that none keeps the event loop, or memory, for long. */
import { isReason } from "../../api/errors.ts"
import type { Compression } from "../../layer/compression/Compression.ts"
import { smallestSlice } from "../../seams/inflater.ts"
import { unusable } from "./Container.ts"

export async function* decodeChunks(
  compression: Compression,
  chunks: AsyncIterable<Uint8Array>,
  name: string
): AsyncGenerator<Uint8Array> {
  const budget = { bytes: smallestSlice }
  const decoder = compression.decode(name, budget)
  let made: Array<Uint8Array> = []
  const keep = (piece: Uint8Array) => void made.push(Uint8Array.from(piece))
  try {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) {
        const end = at + budget.bytes
        decoder.push(chunk.subarray(at, end), keep)
        at = end
        yield* made
        made = []
      }
    }
    decoder.end(keep)
    yield* made
  } catch (error) {
    throw isReason(error) && error._tag === "CorruptLayer" ? unusable({ name }, error.problem) : error
  } finally {
    decoder.close?.()
  }
}
