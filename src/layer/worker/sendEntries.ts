/** Entries → the event loop, no faster than it takes them; a large body only if somebody there wants it. */
import type { OperatorFunction } from "rxjs"
import { transduce } from "../../reactive/transduce.ts"
import type { EntryHeader } from "../Entry.ts"
import type { EntryMessage } from "../messages/WorkerMessage.ts"
import { weight } from "../messages/weight.ts"
import type { RingReader } from "../Ring.ts"
import type { Part } from "../tar/untar.ts"

/** Bytes that may be under way; a message that weighs more goes alone. */
export const windowBytes = 2 ** 20

/** Attributes are views of all the records of their entry, and a clone of a view copies all that it is a view of. */
export const compact = (header: EntryHeader): EntryHeader => ({
  ...header,
  xattrs: new Map(Array.from(header.xattrs, ([name, value]) => [name, Uint8Array.from(value)]))
})

export const sendEntries = (
  ring: RingReader,
  post: (message: EntryMessage, transfer?: ReadonlyArray<ArrayBuffer>) => void
): OperatorFunction<Part, never> =>
  transduce(() => {
    let sent = 0
    let large = 0
    const give = (message: EntryMessage, body?: Uint8Array<ArrayBuffer>) => {
      const bytes = weight(message)
      sent = (sent + bytes) | 0
      ring.awaitCredit(sent, Math.max(windowBytes, bytes))
      post(message, body === undefined ? [] : [body.buffer])
    }
    return {
      push: (part) => {
        switch (part._tag) {
          case "Entry": {
            const body = part.body === undefined ? undefined : Uint8Array.from(part.body)
            return give({ _tag: "Entry", header: compact(part.header), ...(body === undefined ? {} : { body }) }, body)
          }
          case "Begin":
            large += 1
            return give({ _tag: "Begin", header: compact(part.header) })
          case "Data": {
            if (!ring.isWanted(large)) return
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
