/** Entries for `for await`: the image is opened when the first entry is asked for, and closed at the end, by `return`, or by an error. */
import type { Observable, Subscription } from "rxjs"
import type { EntryCursor } from "../../layer/EntryCursor.ts"
import { done, serialIterator } from "../serialIterator.ts"
import type { Entry } from "./Entry.ts"
import type { ReadEntry } from "./makeEntry.ts"

export interface Iteration {
  /** Emits a cursor, which is open until it is unsubscribed from. */
  readonly cursor$: Observable<EntryCursor<ReadEntry>>
  /** Makes a `Reason` the error that users see. */
  readonly named: (error: unknown) => unknown
  /** Resolves when all cancelled subscriptions have closed what they had open. */
  readonly settled: () => Promise<void>
}

const iterate = ({ cursor$, named, settled }: Iteration): AsyncIterator<Entry, undefined> => {
  let opened: Promise<EntryCursor<ReadEntry>> | undefined
  let subscription: Subscription | undefined
  let failure: { readonly error: unknown } | undefined
  let isDone = false

  const open = () =>
    new Promise<EntryCursor<ReadEntry>>((resolve, reject) => {
      subscription = cursor$.subscribe({
        next: resolve,
        error: (error) => {
          failure = { error }
          reject(error)
        }
      })
      subscription.add(() => reject(new DOMException("the entries were closed", "AbortError")))
    })
  const close = async () => {
    isDone = true
    subscription?.unsubscribe()
    await settled()
  }
  const step = async () => {
    if (isDone) return done
    try {
      opened ??= open()
      const given = await (await opened).next()
      if (given !== undefined) return { done: false, value: given.entry } as const
      await close()
      return done
    } catch (error) {
      const wasDone = isDone
      await close()
      if (wasDone) return done
      // The signal's reason, or why the client was closed, and not that the cursor was closed for it.
      throw failure === undefined ? named(error) : failure.error
    }
  }
  return serialIterator<Entry>(step, close)
}

/** Each iteration reads the image anew. */
export const iterateEntries = (iteration: Iteration): AsyncIterable<Entry> => ({
  [Symbol.asyncIterator]: () => iterate(iteration)
})
