/** Entries → the event loop, no faster than it takes them; a large body only if somebody there wants it. */
import type { OperatorFunction } from "rxjs"
import { transduce } from "../reactive/transduce.ts"
import { type EntryMessage, weight } from "./Job.ts"
import type { RingReader } from "./Ring.ts"
import type { Part } from "./untar.ts"

/** Bytes that may be under way. */
const windowBytes = 2 ** 20

export const send = (
  ring: RingReader,
  post: (message: EntryMessage, transfer: ReadonlyArray<ArrayBuffer>) => void
): OperatorFunction<Part, never> =>
  transduce(() => {
    let sent = 0
    const give = (message: EntryMessage, body?: Uint8Array<ArrayBuffer>) => {
      sent = (sent + weight(message)) | 0
      ring.awaitCredit(sent, windowBytes)
      post(message, body === undefined ? [] : [body.buffer])
    }
    return {
      push: (part) => {
        switch (part._tag) {
          case "Entry": {
            const body = part.body === undefined ? undefined : Uint8Array.from(part.body)
            return give({ _tag: "Entry", header: part.header, ...(body === undefined ? {} : { body }) }, body)
          }
          case "Begin":
            ring.ask()
            return give(part)
          case "Data": {
            if (!ring.isWanted()) return
            const chunk = Uint8Array.from(part.chunk)
            return give({ _tag: "Data", chunk }, chunk)
          }
          case "End":
            return give(part)
        }
      },
      end: () => {}
    }
  })
