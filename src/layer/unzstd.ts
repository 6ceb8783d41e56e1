/** zstd: Node's own decoder through minizlib where Node has it (22.15 and later), else a decoder in JavaScript. */
import * as zlib from "node:zlib"
import { Decompress } from "fzstd"
import { ZstdDecompress } from "minizlib"
import { CorruptLayer, isReason } from "../errors.ts"
import type { Machine } from "../reactive/transduce.ts"
import { inflaterOptions, makeInflater, type Pace, sliceBytes, smallestSlice } from "./inflater.ts"
import { ZstdFrames } from "./ZstdFrames.ts"

type Next = (chunk: Uint8Array) => void

interface Decoder {
  readonly begin: () => void
  readonly write: (bytes: Uint8Array, last: boolean, next: Next) => void
  readonly close: () => void
}

const native = (): Decoder => {
  const inflater = makeInflater(new ZstdDecompress(inflaterOptions()))
  return { begin: () => {}, write: (bytes, _last, next) => void inflater.write(bytes, next), close: inflater.close }
}

const scripted = (): Decoder => {
  let next: Next = () => {}
  let frame = new Decompress()
  return {
    begin: () => {
      frame = new Decompress((chunk) => {
        if (chunk.length > 0) next(chunk)
      })
    },
    write: (bytes, last, sink) => {
      next = sink
      // The decoder keeps what it cannot use yet, and the caller's view is valid during the call only.
      frame.push(Uint8Array.from(bytes), last)
    },
    close: () => {}
  }
}

/** True where Node decodes zstd itself. */
export const hasNativeZstd = "createZstdDecompress" in zlib

/** Every frame, one after the other; skippable ones are skipped. Garbage or an early end is `CorruptLayer`. */
export const unzstd = (
  digest: string,
  pace: Pace,
  decoder = hasNativeZstd ? native() : scripted()
): Machine<Uint8Array, Uint8Array> => {
  const corrupt = (problem: string) => new CorruptLayer({ digest, stage: "decompress", problem })
  let next: Next = () => {}
  const frames = new ZstdFrames(
    {
      begin: decoder.begin,
      piece: (bytes, last) => {
        try {
          decoder.write(bytes, last, next)
        } catch (error) {
          throw isReason(error) ? error : corrupt(`zstd: ${error instanceof Error ? error.message : String(error)}`)
        }
      }
    },
    corrupt
  )
  return {
    push: (chunk, sink) => {
      next = sink
      for (let at = 0; at < chunk.length; at += sliceBytes) frames.push(chunk.subarray(at, at + sliceBytes))
      pace.bytes = Math.max(smallestSlice, Math.min(sliceBytes, frames.left))
    },
    end: () => frames.end(),
    close: decoder.close
  }
}
