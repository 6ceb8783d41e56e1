/** minizlib as a plain function: bytes in, bytes out, in one call. It inflates synchronously. */
import type { InflateRaw, ZstdDecompress } from "minizlib"

/** Unit of input: DEFLATE swells up to 1032-fold and minizlib inflates all of one write before it gives any of it. */
export const sliceBytes = 16 * 1024

/** How much compressed input may be taken at once; the decompressor sets it from what it knows of the next bytes. */
export interface Pace {
  bytes: number
}

/** A zstd block of 4 bytes may hold 128 KiB: 64 bytes hold 2 MiB at most, and a step is not too small for its cost. */
export const smallestSlice = 64

/** Unit of output. */
export const outputBytes = 64 * 1024

/**
 * `chunkSize` works and is missing in minizlib's types; `flush: 0` is the default of both its families. Made anew for
 * each stream: minizlib writes its family's defaults into what it is given.
 */
export const inflaterOptions = () => ({ chunkSize: outputBytes, flush: 0 })

export interface Inflater {
  /** Returns how many bytes it took: fewer than it got where a deflate stream ends within. Throws minizlib's error. */
  readonly write: (bytes: Uint8Array, next: (chunk: Uint8Array) => void) => number
  /** Ready for the next stream. */
  readonly reset: () => void
  readonly close: () => void
}

export const makeInflater = (stream: InflateRaw | ZstdDecompress): Inflater => {
  let sink: (chunk: Uint8Array) => void = () => {}
  let failure: unknown
  stream.on("data", (chunk) => sink(chunk as Uint8Array))
  stream.on("error", (error) => {
    failure = error
  })
  return {
    write: (bytes, next) => {
      sink = next
      stream.write(bytes as Buffer)
      if (failure !== undefined) throw failure
      return stream.handle?.bytesWritten ?? 0
    },
    reset: () => stream.reset(),
    // minizlib's own "end" neither means success nor frees the handle.
    close: () => stream.close()
  }
}
