/** A decoder in another thread, as if it were here: what it makes of a chunk may come with a later one. */
import type { Machine } from "../../../reactive/transduce.ts"
import { outputBytes } from "../../../seams/inflater.ts"
import type { DecoderMemory } from "../../messages/WorkerJob.ts"
import { closeDecoder, DecoderRings } from "./DecoderRings.ts"
import { unpackFault } from "./fault.ts"

/** Fails as the decoder does. The chunks are views that are valid while they are handed on. */
export const decodeElsewhere = (memory: DecoderMemory, digest: string): Machine<Uint8Array, Uint8Array> => {
  const rings = new DecoderRings(memory)
  const { input, output } = rings
  let isOver = false

  /** Hands on what is there, and says whether there was something. */
  const drain = (next: (value: Uint8Array) => void): true | undefined => {
    let found: true | undefined
    while (!isOver) {
      const chunk = output.next(outputBytes)
      if (chunk?.length === 0) return found
      found = true
      if (chunk === undefined) {
        isOver = true
        if (rings.fault !== undefined) throw unpackFault(rings.fault, digest)
        return found
      }
      next(chunk)
      output.release(chunk.length)
      rings.signal()
    }
    return found
  }

  return {
    push: (chunk, next) => {
      for (let at = 0; at < chunk.length && !isOver; ) {
        const taken = rings.await(() => {
          const taken = input.put(chunk.subarray(at))
          return taken === 0 && drain(next) === undefined ? undefined : taken
        })
        at += taken
        if (taken > 0) rings.signal()
      }
      drain(next)
    },
    end: (next) => {
      input.end()
      rings.signal()
      while (!isOver) rings.await(() => drain(next))
    },
    close: () => closeDecoder(memory)
  }
}
