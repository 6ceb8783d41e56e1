/**
 * Memory between two threads, of which one decompresses what the other gives it: a ring of bytes each way. Each thread blocks
 * while its ring is empty or full. Closing the memory ends both.
 */

import type { DecoderMemory } from "../../messages/WorkerJob.ts"
import { Cancelled, RingBytes } from "../../Ring.ts"

/** `signal` changes with whatever one of the two may be waiting for. A ring has three words: written, read, ended. */
const word = { signal: 0, closed: 1, input: 2, output: 5, fault: 8 } as const
const words = 9
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

/** One of the two rings, which the writer ends. */
class Ring extends RingBytes {
  readonly #control: Int32Array
  readonly #ended: number

  constructor(control: Int32Array, bytes: SharedArrayBuffer, first: number) {
    super(control, bytes, first)
    this.#control = control
    this.#ended = first + 2
  }

  /** Like `look`, but `undefined` if no more bytes will come. */
  next(limit: number): Uint8Array | undefined {
    // In this order: what was written before the end is seen with it.
    const isEnded = Atomics.load(this.#control, this.#ended) === 1
    const found = this.look(limit)
    return found.length === 0 && isEnded ? undefined : found
  }

  end(): void {
    Atomics.store(this.#control, this.#ended, 1)
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
