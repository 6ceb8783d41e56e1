/**
 * minizlib as a plain function: bytes in, bytes out, in one call.
 *
 * minizlib's own `write` collects all that one write comes to and copies the first piece of it, into memory that is new
 * each time. What it does it does with Node's stream, which it gives as `handle`, and that stream's synchronous call, which
 * no documentation names. Where that call does what is known of it, it is made here, into one piece of memory that is used
 * again and again; else minizlib makes it.
 */

import { InflateRaw, type ZstdDecompress } from "minizlib"
import { codeOf } from "../api/codeOf.ts"

/** How much compressed input may be taken at once; the decompressor sets it from what it knows of the next bytes. */
export interface InputBudget {
  bytes: number
}

/** Unit of input. */
export const sliceBytes = 64 * 1024

/** The same where minizlib writes: DEFLATE swells up to 1032-fold, and it inflates all of one write before it gives any. */
const collectedBytes = 16 * 1024

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
  /**
   * Returns how many bytes it took: fewer than it got where a deflate stream ends within. Throws zlib's error. The chunks
   * are views that are valid while they are handed on.
   */
  readonly write: (bytes: Uint8Array, next: (chunk: Uint8Array) => void) => number
  /** Ready for the next stream. */
  readonly reset: () => void
  readonly close: () => void
}

type Stream = InflateRaw | ZstdDecompress

/** The members of Node's stream that its own synchronous functions use. */
interface Handle {
  readonly destroyed: boolean
  readonly errored: Error | null
  readonly _handle: {
    writeSync(
      flush: number,
      bytes: Uint8Array,
      at: number,
      length: number,
      into: Uint8Array,
      offset: number,
      room: number
    ): void
  }
  /** After a call: bytes of room, and of input, that are left. */
  readonly _writeState: Uint32Array
}

const ends = (stream: Stream): Pick<Inflater, "reset" | "close"> => ({
  reset: () => stream.reset(),
  // minizlib's own "end" neither means success nor frees the handle.
  close: () => stream.close()
})

export const direct = (stream: Stream): Inflater => {
  const handle = stream.handle as unknown as Handle
  const into = Buffer.allocUnsafeSlow(outputBytes)
  // It is thrown at once, and told of once more, later.
  stream.on("error", () => {})
  return {
    ...ends(stream),
    write: (bytes, next) => {
      let [at, room] = [0, 0]
      // A piece of output that is full may not be all there is.
      while (room === 0) {
        handle._handle.writeSync(0, bytes, at, bytes.length - at, into, 0, outputBytes)
        if (handle.destroyed) throw handle.errored ?? new Error("zlib: closed")
        room = handle._writeState[0] ?? 0
        at = bytes.length - (handle._writeState[1] ?? 0)
        if (room < outputBytes) next(into.subarray(0, outputBytes - room))
      }
      return at
    }
  }
}

export const collected = (stream: Stream): Inflater => {
  let sink: (chunk: Uint8Array) => void = () => {}
  let failure: unknown
  stream.on("data", (chunk) => sink(chunk as Uint8Array))
  stream.on("error", (error) => {
    failure = error
  })
  return {
    ...ends(stream),
    write: (bytes, next) => {
      sink = next
      let taken = 0
      for (let at = 0, all = true; at < bytes.length && all; at += collectedBytes) {
        const slice = bytes.subarray(at, at + collectedBytes)
        stream.write(slice as Buffer)
        if (failure !== undefined) throw failure
        const read = stream.handle?.bytesWritten ?? 0
        taken += read
        all = read === slice.length
      }
      return taken
    }
  }
}

/** 70 000 zeros, deflated, and three bytes that are no part of it. */
const sample = Buffer.concat([
  Buffer.from("edc13101000000c2a0f54f6d094fa0", "hex"),
  Buffer.alloc(67),
  Buffer.from("80b701010203", "hex")
])

/** Does Node's call do what is known of it: a second piece, an end within the input, an error? */
const isAsKnown = (): boolean => {
  const tried = [sample, Buffer.of(7)].map((bytes) => {
    const stream = new InflateRaw(inflaterOptions())
    let made = 0
    try {
      const taken = direct(stream).write(bytes, ({ length }) => {
        made += length
      })
      return `${taken} ${made}`
    } catch (error) {
      return codeOf(error)
    } finally {
      stream.close()
    }
  })
  return tried[0] === `${sample.length - 3} 70000` && tried[1] === "Z_DATA_ERROR"
}

let asKnown: boolean | undefined

export const makeInflater = (stream: Stream): Inflater => {
  asKnown ??= isAsKnown()
  return asKnown ? direct(stream) : collected(stream)
}
