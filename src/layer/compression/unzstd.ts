/** zstd: Node's own decoder through minizlib where Node has it (22.15 and later), else the reference decoder in WebAssembly. */

import * as zlib from "node:zlib"
import { ZstdDecompress } from "minizlib"
import { messageOf } from "../../api/codeOf.ts"
import { CorruptLayer, isReason } from "../../api/errors.ts"
import type { Machine } from "../../reactive/transduce.ts"
import { type InputBudget, inflaterOptions, makeInflater, sliceBytes, smallestSlice } from "../../seams/inflater.ts"
import { loadZstd } from "../../seams/zstdModule.ts"
import type { Compression } from "./Compression.ts"
import { WasmZstd } from "./WasmZstd.ts"
import { ZstdFrames } from "./ZstdFrames.ts"

/** Takes pieces of a stream; all that they come to is handed on before `write` returns. */
interface Decoder {
  readonly write: (bytes: Uint8Array, next: (chunk: Uint8Array) => void) => unknown
  readonly close?: () => void
}

/** True where Node decodes zstd itself. */
export const hasNativeZstd = "createZstdDecompress" in zlib

export const nativeZstd = (): Decoder => makeInflater(new ZstdDecompress(inflaterOptions()))

const makeDecoder = (): Decoder => (hasNativeZstd ? nativeZstd() : new WasmZstd(loadZstd()))

/** Every frame, one after the other; skippable ones are skipped. Garbage or an early end is `CorruptLayer`. */
export const unzstd = (
  digest: string,
  budget: InputBudget,
  decoder: Decoder = makeDecoder()
): Machine<Uint8Array, Uint8Array> => {
  const corrupt = (problem: string) => new CorruptLayer({ digest, stage: "decompress", problem })
  let next: (chunk: Uint8Array) => void = () => {}
  const frames = new ZstdFrames((bytes) => {
    try {
      decoder.write(bytes, next)
    } catch (error) {
      throw isReason(error) ? error : corrupt(`zstd: ${messageOf(error)}`)
    }
  }, corrupt)
  return {
    push: (chunk, sink) => {
      next = sink
      for (let at = 0; at < chunk.length; at += sliceBytes) frames.push(chunk.subarray(at, at + sliceBytes))
      budget.bytes = Math.max(smallestSlice, Math.min(sliceBytes, frames.left))
    },
    end: () => frames.end(),
    close: () => decoder.close?.()
  }
}

/** RFC 8878: the magic number of a frame, and the sixteen of a skippable one. */
export const zstd: Compression = {
  suffix: "zstd",
  magic: [[0x28, 0xb5, 0x2f, 0xfd], ...Array.from({ length: 16 }, (_, i) => [0x50 + i, 0x2a, 0x4d, 0x18])],
  decode: (digest, budget) => unzstd(digest, budget)
}
