/**
 * Memory between two threads, of which one decompresses what the other gives it: a ring of bytes each way. Both block while
 * they have to wait. Whoever closes it ends both.
 */
import { Cancelled } from "../../Ring.ts"
import type { DecoderMemory } from "../../workerMessages.ts"

/** Positions count modulo 2^32; `signal` changes with whatever one of the two may be waiting for. */
const word = { signal: 0, closed: 1, input: 2, output: 5, fault: 8 } as const
const words = 9
/** Of a ring, from its first word on. */
const part = { written: 0, read: 1, ended: 2 } as const

/** Bytes, those of the rings a power of two. */
const capacity = { input: 2 ** 20, output: 2 ** 21, fault: 4096 } as const

export const makeDecoderMemory = (): DecoderMemory => ({
  control: new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT),
  input: new SharedArrayBuffer(capacity.input),
  output: new SharedArrayBuffer(capacity.output),
  fault: new SharedArrayBuffer(capacity.fault)
})

/** Ends both sides at their next look, wherever they wait. To be called by any thread, and more than once. */
export const closeDecoder = ({ control }: DecoderMemory): void => {
  const words = new Int32Array(control)
  Atomics.store(words, word.closed, 1)
  Atomics.add(words, word.signal, 1)
  Atomics.notify(words, word.signal)
}

/** One of the two rings. One thread writes, the other reads. */
class Ring {
  readonly #control: Int32Array
  readonly #bytes: Uint8Array
  readonly #first: number

  constructor(control: Int32Array, bytes: SharedArrayBuffer, first: number) {
    this.#control = control
    this.#bytes = new Uint8Array(bytes)
    this.#first = first
  }

  /** Takes what fits, and says how much. */
  put(chunk: Uint8Array): number {
    const written = this.#load(part.written)
    const size = this.#bytes.length
    const taken = Math.min(chunk.length, size - ((written - this.#load(part.read)) >>> 0))
    const at = written & (size - 1)
    const first = Math.min(taken, size - at)
    if (first > 0) this.#bytes.set(chunk.subarray(0, first), at)
    if (taken > first) this.#bytes.set(chunk.subarray(first, taken), 0)
    if (taken > 0) Atomics.add(this.#control, this.#first + part.written, taken)
    return taken
  }

  /** At most `limit` bytes, as they lie there; empty where there are none now, `undefined` where none will be. */
  look(limit: number): Uint8Array | undefined {
    // In this order: what was written before the end is seen with it.
    const isEnded = this.#load(part.ended) === 1
    const read = this.#load(part.read)
    const available = (this.#load(part.written) - read) >>> 0
    if (available === 0 && isEnded) return undefined
    const at = read & (this.#bytes.length - 1)
    return this.#bytes.subarray(at, at + Math.min(available, limit, this.#bytes.length - at))
  }

  /** So many bytes of the last look may be overwritten. */
  release(length: number): void {
    Atomics.add(this.#control, this.#first + part.read, length)
  }

  end(): void {
    Atomics.store(this.#control, this.#first + part.ended, 1)
  }

  #load(which: number): number {
    return Atomics.load(this.#control, this.#first + which) >>> 0
  }
}

/** A thread's view of the memory. */
export class DecoderRings {
  readonly #control: Int32Array
  readonly #fault: Uint8Array
  readonly input: Ring
  readonly output: Ring

  constructor({ control, input, output, fault }: DecoderMemory) {
    this.#control = new Int32Array(control)
    this.#fault = new Uint8Array(fault)
    this.input = new Ring(this.#control, input, word.input)
    this.output = new Ring(this.#control, output, word.output)
  }

  /** Tells the other thread that something changed. */
  signal(): void {
    Atomics.add(this.#control, word.signal, 1)
    Atomics.notify(this.#control, word.signal)
  }

  /** Blocks until `look` finds something. Throws `Cancelled` once somebody has closed the memory. */
  await<A>(look: () => A | undefined): A {
    for (;;) {
      const seen = Atomics.load(this.#control, word.signal)
      if (Atomics.load(this.#control, word.closed) === 1) throw new Cancelled("closed")
      const found = look()
      if (found !== undefined) return found
      Atomics.wait(this.#control, word.signal, seen)
    }
  }

  /** Before the output's end. Cut where it is too long, which is then no JSON. */
  set fault(text: string) {
    const bytes = Buffer.from(text).subarray(0, this.#fault.length)
    this.#fault.set(bytes)
    Atomics.store(this.#control, word.fault, bytes.length)
  }

  get fault(): string | undefined {
    const length = Atomics.load(this.#control, word.fault)
    return length === 0 ? undefined : Buffer.from(this.#fault.subarray(0, length)).toString()
  }
}
