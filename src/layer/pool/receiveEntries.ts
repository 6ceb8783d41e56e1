/** What a worker reads → entries for users: one at a time, and no body that nobody asks for. */
import { Observable, Subject, type Subscriber, type Subscription } from "rxjs"
import { BodyUnusable } from "../../api/errors.ts"
import type { Gate } from "../../reactive/Gate.ts"
import { countRead } from "../../seams/readBuffers.ts"
import type { Entry, EntryHeader } from "../Entry.ts"
import type { RingWriter } from "../Ring.ts"
import { type EntryMessage, weight } from "../workerMessages.ts"
import { decode, type EntryOrigin, makeEntry } from "./makeEntry.ts"
import type { Receiver } from "./runJob.ts"
import { SparseBody } from "./SparseBody.ts"

export interface EntriesOf extends EntryOrigin {
  /** Closed, no entry and no piece of a body comes. */
  readonly gate: Gate
}

const late = ({ path }: EntryHeader) => new BodyUnusable({ path: decode(path) })

/** Bytes that are handed on before others have their turn on the event loop. */
const turnBytes = 2 ** 20

/** A body that is being read. */
interface Reading {
  readonly subscriber: Subscriber<Uint8Array>
  readonly pieces: SparseBody
}

/**
 * Messages are taken one by one, and their credit goes back then. An entry whose body was asked for holds up the next
 * one until the body is over; an entry whose body was not asked for when its observer returned is passed over.
 */
class EntryReceiver implements Receiver {
  readonly #of: EntriesOf
  readonly #next: (entry: Entry) => void
  readonly #ring: RingWriter
  readonly #waiting: Array<EntryMessage> = []
  readonly #interrupted$ = new Subject<never>()
  readonly #opening: Subscription
  /** Set once the worker has sent everything; from then on it may have another job, and its ring is not ours. */
  #finished: (() => void) | undefined
  #closed = false
  #delivering = false
  #scheduled: NodeJS.Immediate | undefined
  #reading: Reading | undefined
  /** Of the body that is being read: what has come and is not handed on. */
  #pieces: Iterator<Uint8Array> | undefined
  /** No more of it will come. */
  #whole = false

  constructor(of: EntriesOf, next: (entry: Entry) => void, ring: RingWriter) {
    this.#of = of
    this.#next = next
    this.#ring = ring
    this.#opening = of.gate.open$.subscribe((open) => {
      if (open && !this.#delivering) this.#later()
    })
  }

  entry(message: EntryMessage): void {
    this.#waiting.push(message)
    if (this.#scheduled === undefined) this.#deliver()
  }

  finish(then: () => void): void {
    this.#finished = then
    if (this.#scheduled === undefined) this.#deliver()
  }

  fail(error: unknown): void {
    this.#reading?.subscriber.error(error)
  }

  close(): void {
    this.#closed = true
    this.#opening.unsubscribe()
    this.#waiting.length = 0
    this.#pieces = undefined
    if (this.#scheduled !== undefined) clearImmediate(this.#scheduled)
    const aborted = new DOMException("the entries were unsubscribed from", "AbortError")
    this.#interrupted$.error(aborted)
    this.#reading?.subscriber.error(aborted)
  }

  #later(): void {
    if (this.#closed) return
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = undefined
      this.#deliver()
    })
  }

  #deliver(): void {
    if (this.#delivering) return
    this.#delivering = true
    try {
      let left = turnBytes
      let handed: number | "turn" | "idle" = 0
      while (typeof handed === "number" && !this.#closed && this.#of.gate.isOpen) {
        left -= handed
        // A promise of a body settles in microtasks: its observer sees the next entry after that.
        handed = left > 0 ? this.#step() : "turn"
      }
      if (handed === "turn") this.#later()
    } finally {
      this.#delivering = false
    }
  }

  /** Hands one thing on, and says how much it was. */
  #step(): number | "turn" | "idle" {
    const piece = this.#pieces?.next()
    if (piece !== undefined && piece.done !== true) {
      this.#reading?.subscriber.next(piece.value)
      return piece.value.length
    }
    this.#pieces = undefined
    if (this.#whole) return this.#complete()
    const message = this.#waiting.shift()
    if (message === undefined) {
      this.#finished?.()
      return "idle"
    }
    const bytes = weight(message)
    if (this.#finished === undefined) this.#ring.giveBack(bytes)
    switch (message._tag) {
      case "Entry":
        return this.#entry(message.header, message.body) ? "turn" : bytes
      case "Begin":
        this.#begin(message.header)
        return bytes
      case "Data":
        countRead(message.chunk.length)
        this.#pieces = this.#reading?.pieces.of(message.chunk)
        return 0
      case "End":
        this.#pieces = this.#reading?.pieces.end()
        this.#whole = this.#reading !== undefined
        return 0
    }
  }

  #complete(): "turn" {
    const { subscriber } = this.#reading ?? {}
    this.#left()
    subscriber?.complete()
    return "turn"
  }

  #left(): void {
    this.#reading = undefined
    this.#pieces = undefined
    this.#whole = false
  }

  /** Says whether the observer may still be busy with the body. */
  #entry(header: EntryHeader, body: Uint8Array | undefined): boolean {
    let asked = false
    let gone = false
    const body$ = new Observable<Uint8Array>((subscriber) => {
      asked = true
      const pieces = new SparseBody(header)
      // All of it is here, and its holes are no more than one turn's.
      if (header.size <= turnBytes) {
        for (const piece of pieces.all(body)) subscriber.next(piece)
        return subscriber.complete()
      }
      if (gone || this.#reading !== undefined) return subscriber.error(late(header))
      this.#reading = { subscriber, pieces }
      this.#pieces = pieces.all(body)
      this.#whole = true
      return () => {
        if (this.#reading?.subscriber === subscriber) this.#left()
      }
    })
    this.#next(makeEntry(this.#of, header, body$, this.#interrupted$))
    gone = true
    return asked
  }

  #begin(header: EntryHeader): void {
    let state: "offered" | "taken" | "gone" = "offered"
    const body$ = new Observable<Uint8Array>((subscriber) => {
      if (state !== "offered") return subscriber.error(late(header))
      state = "taken"
      this.#reading = { subscriber, pieces: new SparseBody(header) }
      this.#decide(true)
      return () => {
        if (this.#reading?.subscriber !== subscriber) return
        this.#left()
        this.#decide(false)
      }
    })
    this.#next(makeEntry(this.#of, header, body$, this.#interrupted$))
    if (this.#isOffered(state)) {
      state = "gone"
      this.#decide(false)
    }
  }

  /** The observer may have changed it, which a compiler cannot see. */
  #isOffered(state: string): boolean {
    return state === "offered"
  }

  #decide(wanted: boolean): void {
    if (this.#finished === undefined && !this.#closed) this.#ring.decide(wanted)
  }
}

export const receiveEntries =
  (of: EntriesOf, next: (entry: Entry) => void) =>
  (ring: RingWriter): Receiver =>
    new EntryReceiver(of, next, ring)
