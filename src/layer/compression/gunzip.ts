/**
 * gzip (RFC 1952) over raw DEFLATE: the framing is read here, the rest is minizlib's. Its own gunzip stops looking
 * behind zeros that pad a member, depending on where the input was cut, and computes a CRC-32 that the diffID makes
 * superfluous.
 */

import { createGunzip } from "node:zlib"
import { InflateRaw } from "minizlib"
import { messageOf } from "../../api/codeOf.ts"
import { counted } from "../../api/counted.ts"
import { CorruptLayer, isReason } from "../../api/errors.ts"
import type { Machine } from "../../reactive/transduce.ts"
import { inflaterOptions, makeInflater, sliceBytes } from "../../seams/inflater.ts"
import type { Compression } from "./Compression.ts"

const headerBytes = 64 * 1024

/** Takes a member's header byte by byte; returns at its end. */
function* header(corrupt: (problem: string) => CorruptLayer): Generator<undefined, void, number> {
  if ((yield) !== 0x1f || (yield) !== 0x8b) throw corrupt("garbage where a gzip member should begin")
  if ((yield) !== 8) throw corrupt("a gzip member of an unknown method")
  const flags = yield
  if ((flags & 0xe0) !== 0) throw corrupt("a gzip member with reserved flags")
  for (let i = 0; i < 6; i++) yield
  if ((flags & 4) !== 0) for (let length = (yield) | ((yield) << 8); length > 0; length--) yield
  for (const name of [8, 16]) {
    if ((flags & name) === 0) continue
    for (let length = 0; (yield) !== 0; length++) if (length > headerBytes) throw corrupt("a gzip header without end")
  }
  if ((flags & 2) !== 0) for (let i = 0; i < 2; i++) yield
}

/** Takes a member's trailer; the CRC-32 is not looked at. */
function* trailer(inflated: number, corrupt: (problem: string) => CorruptLayer): Generator<undefined, void, number> {
  for (let i = 0; i < 4; i++) yield
  let size = 0
  for (let i = 0; i < 4; i++) size += (yield) * 2 ** (8 * i)
  if (size !== inflated % 2 ** 32) throw corrupt(`a gzip member of ${counted(inflated, "byte")} that says ${size}`)
}

/** Every member, one after the other; zeros may follow the last one, anything else or an early end is `CorruptLayer`. */
export const gunzip = (digest: string): Machine<Uint8Array, Uint8Array> => {
  const corrupt = (problem: string) => new CorruptLayer({ digest, stage: "decompress", problem })
  const inflater = makeInflater(new InflateRaw(inflaterOptions()))
  let state: "between" | "header" | "body" | "trailer" | "padding" = "between"
  let frame = header(corrupt)
  let inflated = 0

  const body = (chunk: Uint8Array, next: (value: Uint8Array) => void): number => {
    try {
      return inflater.write(chunk, (out) => {
        inflated += out.length
        next(out)
      })
    } catch (error) {
      // What `next` throws is a reason already.
      throw isReason(error) ? error : corrupt(messageOf(error))
    }
  }

  const begin = (next: "header" | "trailer", reader: Generator<undefined, void, number>) => {
    state = next
    frame = reader
    frame.next()
  }

  const byte = (value: number) => {
    if (state === "between" && value === 0) state = "padding"
    if (state === "padding") {
      if (value !== 0) throw corrupt("garbage after the last gzip member")
      return
    }
    if (state === "between") begin("header", header(corrupt))
    if (frame.next(value).done !== true) return
    if (state === "trailer") state = "between"
    else {
      state = "body"
      inflated = 0
      inflater.reset()
    }
  }

  return {
    push: (chunk, next) => {
      for (let at = 0; at < chunk.length; ) {
        if (state !== "body") {
          byte(chunk[at++] ?? 0)
          continue
        }
        const slice = chunk.subarray(at, at + sliceBytes)
        const taken = body(slice, next)
        at += taken
        if (taken < slice.length) begin("trailer", trailer(inflated, corrupt))
      }
    },
    end: () => {
      if (state !== "between" && state !== "padding") throw corrupt("the gzip stream ends within a member")
    },
    close: inflater.close
  }
}

/** RFC 1952. */
export const gzip: Compression = {
  suffix: "gzip",
  magic: [[0x1f, 0x8b]],
  decode: (digest, budget) => {
    budget.bytes = sliceBytes
    return gunzip(digest)
  },
  createStream: createGunzip
}
