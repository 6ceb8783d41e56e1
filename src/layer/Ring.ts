/**
 * A bounded ring of bytes in shared memory, for one writer and one reader in different threads. The writer never
 * blocks: it is told when there is room again. The reader blocks, so that its thread needs no event loop to go on, and
 * sees the bytes where they lie.
 */
import type { Observable, Subscription } from "rxjs"
import type { Gate } from "../reactive/Gate.ts"

/** Positions count modulo 2^32; `signal` changes with whatever the reader may be waiting for. */
const word = { signal: 0, written: 1, read: 2, state: 3, waiting: 4, returned: 5, decision: 6, ready: 7 } as const
const words = 8

/** Questions count from 1, modulo 2^30; 0 is not an answer. */
const answer = (question: number, wanted: boolean): number => (question << 2) | (wanted ? 1 : 2) | 0

/** Milliseconds. */
const idleAfter = 50

const open = 0
const ended = 1
const cancelled = 2

/** To be handed to the other thread as it is. */
export interface RingMemory {
  readonly control: SharedArrayBuffer
  readonly bytes: SharedArrayBuffer
}

/** `capacity`: bytes, a power of two. */
export const makeRingMemory = (capacity: number): RingMemory => ({
  control: new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT),
  bytes: new SharedArrayBuffer(capacity)
})

/** What the reader's calls throw once the writer has cancelled. */
export class Cancelled extends Error {}

/** Bytes in shared memory, for one thread that writes and one that reads. `first`: the word of what was written; what was read is next. */
export class RingBytes {
  readonly #control: Int32Array
  readonly #bytes: Uint8Array
  readonly #first: number

  /** `bytes`: a power of two. */
  constructor(control: Int32Array, bytes: SharedArrayBuffer, first: number) {
    this.#control = control
    this.#bytes = new Uint8Array(bytes)
    this.#first = first
  }

  get capacity(): number {
    return this.#bytes.length
  }

  /** Bytes that were written and not read. */
  get used(): number {
    return (Atomics.load(this.#control, this.#first) - Atomics.load(this.#control, this.#first + 1)) >>> 0
  }

  /** Takes what fits, and says how much. */
  put(chunk: Uint8Array): number {
    const { capacity } = this
    const taken = Math.min(chunk.length, capacity - this.used)
    if (taken === 0) return 0
    const at = (Atomics.load(this.#control, this.#first) >>> 0) & (capacity - 1)
    const first = Math.min(taken, capacity - at)
    this.#bytes.set(chunk.subarray(0, first), at)
    this.#bytes.set(chunk.subarray(first, taken), 0)
    Atomics.add(this.#control, this.#first, taken)
    return taken
  }

  /** At most `limit` bytes, as they lie there; empty where there are none now. */
  look(limit: number): Uint8Array {
    const at = (Atomics.load(this.#control, this.#first + 1) >>> 0) & (this.capacity - 1)
    return this.#bytes.subarray(at, at + Math.min(this.used, limit, this.capacity - at))
  }

  /** The first `length` bytes of the last look may be overwritten. */
  release(length: number): void {
    Atomics.add(this.#control, this.#first + 1, length)
  }
}

export class RingWriter {
  readonly #control: Int32Array
  readonly #bytes: RingBytes
  /** When the ring was made new, or took bytes. */
  #fed = 0

  constructor({ control, bytes }: RingMemory) {
    this.#control = new Int32Array(control)
    this.#bytes = new RingBytes(this.#control, bytes, word.written)
  }

  /** Milliseconds since bytes came, where the reader has taken all of them and more may come; else 0. */
  get silence(): number {
    const isOpen = Atomics.load(this.#control, word.state) === open
    return isOpen && this.#bytes.used === 0 ? performance.now() - this.#fed : 0
  }

  /** Takes what fits and says how much; where that is not all, the reader tells once half the ring is free. */
  tryWrite(chunk: Uint8Array): number {
    let taken = 0
    for (;;) {
      taken += this.#take(taken === 0 ? chunk : chunk.subarray(taken))
      if (taken === chunk.length) return taken
      Atomics.store(this.#control, word.waiting, 1)
      // The reader may have drained the ring before it could see that we wait.
      const low = this.#bytes.used <= this.#bytes.capacity / 2
      if (!low || Atomics.compareExchange(this.#control, word.waiting, 1, 0) === 0) return taken
    }
  }

  /** No more bytes: the reader ends when it has read them all. */
  end(): void {
    this.#finish(ended)
  }

  /** Stops the reader at its next look, whatever is left in the ring. */
  cancel(): void {
    this.#finish(cancelled)
  }

  /** Makes the ring new. Only while nobody reads. */
  reset(): void {
    for (let i = 0; i < word.ready; i++) Atomics.store(this.#control, i, 0)
    this.#fed = performance.now()
  }

  /** Blocks until the reader's thread has loaded all it needs, at most this many milliseconds. */
  awaitReady(patience: number): void {
    Atomics.wait(this.#control, word.ready, 0, patience)
  }

  /** Returns `bytes` of credit to a reader that sends something back. */
  giveBack(bytes: number): void {
    Atomics.add(this.#control, word.returned, bytes)
    this.#signal()
  }

  /** Answers the reader's question of this number: is what it has to send wanted? */
  decide(question: number, wanted: boolean): void {
    Atomics.store(this.#control, word.decision, answer(question, wanted))
    this.#signal()
  }

  #take(chunk: Uint8Array): number {
    const taken = this.#bytes.put(chunk)
    if (taken === 0) return 0
    this.#fed = performance.now()
    this.#signal()
    return taken
  }

  #finish(state: number): void {
    if (Atomics.compareExchange(this.#control, word.state, open, state) !== open && state === cancelled)
      Atomics.store(this.#control, word.state, cancelled)
    this.#signal()
  }

  #signal(): void {
    Atomics.add(this.#control, word.signal, 1)
    Atomics.notify(this.#control, word.signal)
  }
}

export class RingReader {
  readonly #control: Int32Array
  readonly #bytes: RingBytes
  readonly #drained: () => void

  /** `drained` is called when the writer waits and half of the ring is free again. */
  constructor({ control, bytes }: RingMemory, drained: () => void) {
    this.#control = new Int32Array(control)
    this.#bytes = new RingBytes(this.#control, bytes, word.written)
    this.#drained = drained
  }

  /** This thread has loaded all it needs. */
  ready(): void {
    Atomics.store(this.#control, word.ready, 1)
    Atomics.notify(this.#control, word.ready)
  }

  /**
   * Blocks until there are bytes; at most `limit` of them, as they lie in the ring. `undefined` at the end. `idle` is
   * called once when nothing came for a while.
   */
  read(limit: number, idle?: () => void): Uint8Array | undefined {
    const view = this.#wait((state) => {
      const found = this.#bytes.look(limit)
      return found.length > 0 ? found : state === ended ? null : undefined
    }, idle)
    return view ?? undefined
  }

  /** The first `length` bytes of the last view may be overwritten now. */
  release(length: number): void {
    this.#bytes.release(length)
    const isLow = this.#bytes.used <= this.#bytes.capacity / 2
    if (isLow && Atomics.compareExchange(this.#control, word.waiting, 1, 0) === 1) this.#drained()
  }

  /** Blocks until all but `window` of the `sent` bytes of credit came back. */
  awaitCredit(sent: number, window: number): void {
    this.#wait(() => ((sent - Atomics.load(this.#control, word.returned)) >>> 0 <= window ? true : undefined))
  }

  /** For a reader that is busy elsewhere: throws `Cancelled` once the writer has cancelled. */
  look(): void {
    if (Atomics.load(this.#control, word.state) === cancelled) throw new Cancelled("cancelled")
  }

  /**
   * Blocks until this question is answered. The question is sent as a message. The answer can change from yes to no later.
   * Answers to earlier questions are ignored.
   */
  isWanted(question: number): boolean {
    return this.#wait(() => {
      const decision = Atomics.load(this.#control, word.decision)
      return decision === answer(question, true) ? true : decision === answer(question, false) ? false : undefined
    })
  }

  #wait<A>(look: (state: number) => A | undefined, idle?: () => void): A {
    let patience = idle === undefined ? Number.POSITIVE_INFINITY : idleAfter
    for (;;) {
      const seen = Atomics.load(this.#control, word.signal)
      const state = Atomics.load(this.#control, word.state)
      if (state === cancelled) throw new Cancelled("cancelled")
      const found = look(state)
      if (found !== undefined) return found
      if (Atomics.wait(this.#control, word.signal, seen, patience) !== "timed-out") continue
      patience = Number.POSITIVE_INFINITY
      idle?.()
    }
  }
}

/**
 * Source → ring. Shuts the gate while the ring is full; what the source emits all the same is kept, in order. Call
 * `drained` when the reader says so.
 */
export const feed = (
  source: Observable<Uint8Array>,
  ring: RingWriter,
  gate: Gate,
  on: { readonly received: (bytes: number) => void; readonly error: (error: unknown) => void }
): { readonly drained: () => void; readonly subscription: Subscription } => {
  const kept: Array<Uint8Array> = []
  let complete = false
  const drained = () => {
    for (let chunk = kept[0]; chunk !== undefined; chunk = kept[0]) {
      const taken = ring.tryWrite(chunk)
      if (taken < chunk.length) {
        kept[0] = chunk.subarray(taken)
        return
      }
      kept.shift()
    }
    if (complete) ring.end()
    else gate.open()
  }
  const subscription = source.subscribe({
    next: (chunk) => {
      on.received(chunk.length)
      const taken = kept.length > 0 ? 0 : ring.tryWrite(chunk)
      if (taken === chunk.length) return
      // Copied: a source may read its next piece into the same memory.
      kept.push(Uint8Array.from(chunk.subarray(taken)))
      gate.close()
    },
    error: on.error,
    complete: () => {
      complete = true
      if (kept.length === 0) ring.end()
    }
  })
  return { drained, subscription }
}
