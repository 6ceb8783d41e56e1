/** Ring → sequence, in the worker: takes a slice, as large as the pace allows, whenever the gate is open, and blocks while there is none. */
import { Observable } from "rxjs/internal/Observable"
import type { Gate } from "../reactive/Gate.ts"
import type { Pace } from "./inflater.ts"
import type { RingReader } from "./Ring.ts"

/** Each view is valid while it is handed on. A cancelled ring is the error `Cancelled`. */
export const readRing = (ring: RingReader, gate: Gate, pace: Pace, idle?: () => void): Observable<Uint8Array> =>
  new Observable((slices) => {
    let reading = false
    const read = () => {
      try {
        while (gate.isOpen && !slices.closed) {
          const slice = ring.read(pace.bytes, idle)
          if (slice === undefined) return slices.complete()
          slices.next(slice)
          ring.release(slice.length)
        }
      } catch (error) {
        slices.error(error)
      }
    }
    slices.add(
      gate.open$.subscribe((open) => {
        if (!open || reading) return
        reading = true
        read()
        reading = false
      })
    )
  })
