/** What a worker reads → entries for users: one at a time, and no body that nobody asks for. */
import { lastValueFrom, merge, Observable, Subject, type Subscriber, take, toArray } from "rxjs"
import { InvalidOption } from "../../api/errors.ts"
import type { Entry, EntryHeader } from "../Entry.ts"
import { type EntryMessage, weight } from "../Job.ts"
import type { RingWriter } from "../Ring.ts"
import type { Receiver } from "./runJob.ts"

const decoder = new TextDecoder()

const decode = (binary: string): string => decoder.decode(Buffer.from(binary, "latin1"))

const holeBytes = 64 * 1024

/** The stored segments with the holes between them, as zeros. */
const withHoles = (header: EntryHeader, stored: Observable<Uint8Array>): Observable<Uint8Array> => {
  const { sparse, size } = header
  if (sparse === undefined) return stored
  return new Observable((body) => {
    const segments = [...sparse]
    let position = 0
    const zeros = (until: number) => {
      while (position < until && !body.closed) {
        const length = Math.min(holeBytes, until - position)
        position += length
        body.next(new Uint8Array(length))
      }
    }
    const subscription = stored.subscribe({
      next: (chunk) => {
        for (let rest = chunk; rest.length > 0; ) {
          const segment = segments[0]
          if (segment === undefined) return
          zeros(segment.offset)
          const left = segment.offset + segment.length - position
          const piece = rest.subarray(0, left)
          rest = rest.subarray(piece.length)
          position += piece.length
          if (piece.length === left) segments.shift()
          body.next(piece)
        }
      },
      error: (error) => body.error(error),
      complete: () => {
        zeros(size)
        body.complete()
      }
    })
    return subscription
  })
}

/** `interrupted$` fails the promises of a body that is still under way when the entries are unsubscribed from. */
const makeEntry = (
  layer: string,
  header: EntryHeader,
  stored: Observable<Uint8Array>,
  interrupted$: Observable<never>
): Entry => {
  const body$ = withHoles(header, stored)
  const bytes = async () => Buffer.concat(await lastValueFrom(merge(body$.pipe(toArray()), interrupted$).pipe(take(1))))
  const { linkPath, path, mtime, ...facts } = header
  return {
    path: decode(path),
    rawPath: path,
    ...(linkPath === "" ? {} : { linkPath: decode(linkPath) }),
    type: facts.type,
    mode: facts.mode,
    uid: facts.uid,
    gid: facts.gid,
    size: facts.size,
    mtime: new Date(mtime.seconds * 1000 + Math.floor(mtime.nanos / 1e6)),
    xattrs: facts.xattrs,
    layer,
    body$,
    bytes,
    text: async () => decoder.decode(await bytes())
  }
}

/**
 * Messages are taken one by one, and their credit goes back then. An entry whose body was asked for holds up the next
 * one until the body is over; an entry whose body was not asked for when its observer returned is passed over.
 */
class EntryReceiver implements Receiver {
  readonly #layer: string
  readonly #next: (entry: Entry) => void
  readonly #ring: RingWriter
  readonly #waiting: Array<EntryMessage> = []
  readonly #interrupted$ = new Subject<never>()
  /** Set once the worker has sent everything; from then on it may have another job, and its ring is not ours. */
  #finished: (() => void) | undefined
  #closed = false
  #scheduled: NodeJS.Immediate | undefined
  /** Whoever reads the large body that is being received. */
  #reader: Subscriber<Uint8Array> | undefined

  constructor(layer: string, next: (entry: Entry) => void, ring: RingWriter) {
    this.#layer = layer
    this.#next = next
    this.#ring = ring
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
    this.#reader?.error(error)
  }

  close(): void {
    this.#closed = true
    this.#waiting.length = 0
    if (this.#scheduled !== undefined) clearImmediate(this.#scheduled)
    const aborted = new DOMException("the entries were unsubscribed from", "AbortError")
    this.#interrupted$.error(aborted)
    this.#reader?.error(aborted)
  }

  #deliver(): void {
    this.#scheduled = undefined
    while (!this.#closed) {
      const message = this.#waiting.shift()
      if (message === undefined) {
        this.#finished?.()
        return
      }
      if (this.#finished === undefined) this.#ring.giveBack(weight(message))
      // A promise of a body settles in microtasks: its observer sees the next entry after that.
      if (this.#take(message)) {
        this.#scheduled = setImmediate(() => this.#deliver())
        return
      }
    }
  }

  /** Says whether the observer may still be busy with a body. */
  #take(message: EntryMessage): boolean {
    switch (message._tag) {
      case "Entry":
        return this.#whole(message.header, message.body)
      case "Begin":
        this.#begin(message.header)
        return false
      case "Data":
        this.#reader?.next(message.chunk)
        return false
      case "End": {
        const reader = this.#reader
        this.#reader = undefined
        reader?.complete()
        return reader !== undefined
      }
    }
  }

  #whole(header: EntryHeader, body: Uint8Array | undefined): boolean {
    let asked = false
    const stored = new Observable<Uint8Array>((subscriber) => {
      asked = true
      if (body !== undefined) subscriber.next(body)
      subscriber.complete()
    })
    this.#next(makeEntry(this.#layer, header, stored, this.#interrupted$))
    return asked
  }

  #begin(header: EntryHeader): void {
    let state: "offered" | "taken" | "gone" = "offered"
    const stored = new Observable<Uint8Array>((body) => {
      if (state !== "offered")
        return body.error(
          new InvalidOption({ option: "entries$", problem: "a body is read once, and asked for when its entry comes" })
        )
      state = "taken"
      this.#reader = body
      this.#decide(true)
      return () => {
        if (this.#reader !== body) return
        this.#reader = undefined
        this.#decide(false)
      }
    })
    this.#next(makeEntry(this.#layer, header, stored, this.#interrupted$))
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
  (layer: string, next: (entry: Entry) => void) =>
  (ring: RingWriter): Receiver =>
    new EntryReceiver(layer, next, ring)
