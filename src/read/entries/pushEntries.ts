/** Entries as they come, for observers that are done with an entry when their `next` returns, or read its body at once. */
import { Observable } from "rxjs"
import type { EntryCursor } from "../../layer/EntryCursor.ts"
import type { Gate } from "../../reactive/Gate.ts"
import type { Entry } from "./Entry.ts"
import type { ReadEntry } from "./makeEntry.ts"
import { whenOpen } from "./whenOpen.ts"

/**
 * An entry is let go when `next` has returned and the gate is open; if its body is being read then, when that is over. The cursor's owner
 * closes it.
 */
export const pushEntries = (cursor: EntryCursor<ReadEntry>, gate?: Gate): Observable<Entry> =>
  new Observable((entries) => {
    const step = () => {
      if (entries.closed) return
      cursor.next().then(give, (error) => entries.error(error))
    }
    const give = (given: ReadEntry | undefined) => {
      if (given === undefined) return entries.complete()
      entries.next(given.entry)
      entries.add(whenOpen(gate, () => letGo(given)))
    }
    const letGo = ({ body }: ReadEntry) => {
      if (!body.isAsked) return step()
      // A promise of a body settles in microtasks: its observer sees the next entry after that.
      body.whenOver(() => void setImmediate(() => entries.add(whenOpen(gate, step))))
    }
    entries.add(whenOpen(gate, step))
  })
