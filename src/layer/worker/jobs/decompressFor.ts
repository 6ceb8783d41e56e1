/** Decompresses what another worker gives, until there is no more of it. */

import { compressionOf } from "../../compression/compressions.ts"
import { makeInputBudget } from "../../compression/decompress.ts"
import { DecoderRings } from "../../compression/elsewhere/DecoderRings.ts"
import { packFault } from "../../compression/elsewhere/fault.ts"
import type { DecompressJob } from "../../messages/WorkerJob.ts"
import { Cancelled } from "../../Ring.ts"

/** Throws `Cancelled`; a failure of the decoder is the other worker's. */
export const decompressFor = ({ digest, decoder: memory }: DecompressJob): void => {
  const rings = new DecoderRings(memory)
  const { input, output } = rings
  const budget = makeInputBudget()

  const put = (chunk: Uint8Array) => {
    for (let at = 0; at < chunk.length; ) {
      at += rings.await(() => output.put(at === 0 ? chunk : chunk.subarray(at)) || undefined)
      rings.signal()
    }
  }
  /** `null` at the end. */
  const take = () =>
    rings.await<Uint8Array | null>(() => {
      const chunk = input.next(budget.bytes)
      return chunk === undefined ? null : chunk.length === 0 ? undefined : chunk
    })

  try {
    // The first chunk has the magic number, which was looked at there.
    let chunk = take()
    const machine = chunk === null ? undefined : compressionOf(chunk)?.decode(digest, budget)
    try {
      for (; chunk !== null; chunk = take()) {
        machine?.push(chunk, put)
        input.release(chunk.length)
        rings.signal()
      }
      machine?.end(put)
    } finally {
      machine?.close?.()
    }
  } catch (error) {
    if (error instanceof Cancelled) throw error
    rings.fault = packFault(error, digest)
  }
  output.end()
  rings.signal()
}
