/** What a worker reads → entries for users: one at a time, and no body that nobody asks for. */
import { from, lastValueFrom, Observable, type Subscriber, toArray } from "rxjs"
import { InvalidOption } from "../errors.ts"
import type { Entry, EntryHeader } from "./Entry.ts"
import { type EntryMessage, weight } from "./Job.ts"
import type { RingWriter } from "./Ring.ts"
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

const makeEntry = (layer: string, header: EntryHeader, stored: Observable<Uint8Array>): Entry => {
  const body$ = withHoles(header, stored)
  const bytes = async () => Buffer.concat(await lastValueFrom(body$.pipe(toArray())))
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
export const receiveEntries =
  (layer: string, next: (entry: Entry) => void) =>
  (ring: RingWriter): Receiver => {
    const waiting: Array<EntryMessage> = []
    /** Set once the worker has sent everything; from then on it may have another job, and its ring is not ours. */
    let finished: (() => void) | undefined
    const decide = (wanted: boolean) => {
      if (finished === undefined) ring.decide(wanted)
    }
    let closed = false
    let scheduled: NodeJS.Immediate | undefined
    /** The large body that is being received; it may have no reader. */
    let reader: Subscriber<Uint8Array> | undefined

    const begin = (header: EntryHeader) => {
      let state: "offered" | "taken" | "gone" = "offered"
      const stored = new Observable<Uint8Array>((body) => {
        if (state !== "offered")
          return body.error(
            new InvalidOption({
              option: "entries$",
              problem: "a body is read once, and asked for when its entry comes"
            })
          )
        state = "taken"
        reader = body
        decide(true)
        return () => {
          if (reader !== body) return
          reader = undefined
          ring.decide(false)
        }
      })
      next(makeEntry(layer, header, stored))
      if (state === "offered") ring.decide(false)
      if (state === "offered") state = "gone"
    }

    /** Takes a message; says whether the observer may be busy with it. */
    const take = (message: EntryMessage): boolean => {
      switch (message._tag) {
        case "Entry": {
          const body = message.body === undefined ? [] : [message.body]
          let asked = false
          const stored = new Observable<Uint8Array>((subscriber) => {
            asked = true
            return from(body).subscribe(subscriber)
          })
          next(makeEntry(layer, message.header, stored))
          return asked
        }
        case "Begin":
          begin(message.header)
          return false
        case "Data":
          reader?.next(message.chunk)
          return false
        case "End": {
          const body = reader
          reader = undefined
          body?.complete()
          return body !== undefined
        }
      }
    }

    const deliver = () => {
      scheduled = undefined
      while (!closed) {
        const message = waiting.shift()
        if (message === undefined) return finished?.()
        if (finished === undefined) ring.giveBack(weight(message))
        // A promise of a body settles in microtasks: its observer sees the next entry after that.
        if (take(message)) {
          scheduled = setImmediate(deliver)
          return
        }
      }
    }

    return {
      entry: (message) => {
        waiting.push(message)
        if (scheduled === undefined) deliver()
      },
      finish: (then) => {
        finished = then
        if (scheduled === undefined) deliver()
      },
      close: () => {
        closed = true
        waiting.length = 0
        if (scheduled !== undefined) clearImmediate(scheduled)
        reader?.error(new InvalidOption({ option: "entries$", problem: "the entries were unsubscribed from" }))
        reader = undefined
      }
    }
  }
