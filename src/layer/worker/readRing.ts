/** The bytes of a ring as a sequence, for the worker. Reads slices of at most `budget.bytes`, and blocks while the ring is empty. */

import type { InputBudget } from "../../seams/inflater.ts"
import { Observable } from "../../seams/rxjs.ts"
import type { RingReader } from "../Ring.ts"

/** Each view is valid while it is handed on. A cancelled ring is the error `Cancelled`. */
export const readRing = (ring: RingReader, budget: InputBudget, idle?: () => void): Observable<Uint8Array> =>
  new Observable((slices) => {
    const read = () => {
      try {
        while (!slices.closed) {
          const slice = ring.read(budget.bytes, idle)
          if (slice === undefined) return slices.complete()
          slices.next(slice)
          ring.release(slice.length)
        }
      } catch (error) {
        slices.error(error)
      }
    }
    // Not during the subscription: a subscriber that fails then cannot unsubscribe yet.
    queueMicrotask(read)
  })
