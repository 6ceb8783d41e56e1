/**
 * Compressed bytes → archive. The media type says whether a layer can be read at all; how it is compressed is
 * told by its first bytes, since gzip under a plain tar's type and the reverse both occur in real images. The diffID
 * proves the outcome either way.
 */
import type { OperatorFunction } from "rxjs"
import type { Limits } from "../../api/config.ts"
import { UnsupportedMediaType } from "../../api/errors.ts"
import type { Machine } from "../../reactive/transduce.ts"
import { transduce } from "../../reactive/transduce.ts"
import { type InputBudget, outputBytes, sliceBytes, smallestSlice } from "../../seams/inflater.ts"
import { deferCorruption } from "../corruption.ts"
import { atMost } from "../limits.ts"
import type { DecoderMemory } from "../messages/WorkerJob.ts"
import { isReadable } from "./archiveTypes.ts"
import { compressionOf, magicBytes } from "./compressions.ts"
import { closeDecoder } from "./elsewhere/DecoderRings.ts"
import { decodeElsewhere } from "./elsewhere/decodeElsewhere.ts"

const plain = (): Machine<Uint8Array, Uint8Array> => ({
  push: (chunk, next) => {
    for (let at = 0; at < chunk.length; at += outputBytes) next(chunk.subarray(at, at + outputBytes))
  },
  end: () => {}
})

const decoderOf = (
  beginning: Uint8Array,
  { digest, decoder }: Decompression,
  budget: InputBudget
): Machine<Uint8Array, Uint8Array> => {
  const compression = compressionOf(beginning)
  if (compression !== undefined && decoder === undefined) return compression.decode(digest, budget)
  budget.bytes = sliceBytes
  if (compression !== undefined && decoder !== undefined) return decodeElsewhere(decoder, digest)
  if (decoder !== undefined) closeDecoder(decoder)
  return plain()
}

/** Looks at the ratio only from this many bytes of output on: a few kilobytes of zeros are in every archive. */
const ratioFrom = 16 * 2 ** 20

/** Small until the form is known. */
export const makeInputBudget = (): InputBudget => ({ bytes: smallestSlice })

export interface Decompression {
  readonly digest: string
  readonly mediaType: string
  readonly limits: Limits
  /** Another thread, which decompresses while this one goes on with what it has. Default: none. */
  readonly decoder?: DecoderMemory | undefined
}

/**
 * The archive comes as views that are valid while they are handed on. Where input can be taken in pieces of any size, `pace` tells how much
 * keeps the output of one piece within bounds.
 */
export const decompress = (
  layer: Decompression,
  budget = makeInputBudget()
): OperatorFunction<Uint8Array, Uint8Array> =>
  transduce(() => {
    const { digest, limits } = layer
    if (!isReadable(layer.mediaType))
      throw new UnsupportedMediaType({ mediaType: layer.mediaType, subject: `layer ${digest}` })
    const subject = () => `layer ${digest}`
    let decoder: Machine<Uint8Array, Uint8Array> | undefined
    let head: Uint8Array = new Uint8Array(0)
    let received = 0
    let inflated = 0

    const decode = (chunk: Uint8Array, next: (value: Uint8Array) => void) => {
      decoder ??= decoderOf(chunk, layer, budget)
      decoder.push(chunk, (out) => {
        inflated += out.length
        atMost(limits, "layerBytes", inflated, subject)
        if (inflated >= ratioFrom) atMost(limits, "inflateRatio", inflated / received, subject)
        next(out)
      })
    }

    return deferCorruption({
      push: (chunk, next) => {
        received += chunk.length
        if (decoder !== undefined) return decode(chunk, next)
        head = Buffer.concat([head, chunk])
        if (head.length >= magicBytes) decode(head, next)
      },
      end: (next) => {
        if (decoder === undefined && head.length > 0) decode(head, next)
        decoder?.end(next)
      },
      close: () => decoder?.close?.()
    })
  })
