/** A `Puller` of which only some methods are given, for programs under test. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Observable, throwError } from "rxjs"
import type { PullEvent } from "../api/events.ts"
import type { Puller } from "../Puller.ts"
import { type Lift, lifting } from "../reactive/bridge.ts"

type Service = Puller["Service"]

/** The events that a `pull` tells, and at its end `Pulled`, whether it tells that or not. */
const eventsOf =
  (pull: Service["pull"], lift: Lift): Service["pull$"] =>
  (reference, options) =>
    new Observable<PullEvent>((events) => {
      let isTold = false
      const emit = (event: PullEvent) => {
        isTold ||= event._tag === "Pulled"
        events.next(event)
      }
      return lift(pull(reference, options, emit)).subscribe({
        next: ({ cached, ...image }) => {
          if (!isTold) events.next({ _tag: "Pulled", image, cached })
        },
        error: (error) => events.error(error),
        complete: () => events.complete()
      })
    })

const missing$ = (name: string) => () => throwError(() => new Error(`this puller has no ${name}`))

/** `tag` is handed in: whoever loads this is loaded before it. */
export const testPuller = (tag: typeof Puller, methods: Partial<Service>): Layer.Layer<Puller> =>
  Layer.unwrap(
    Effect.map(lifting(), (lift) => {
      const { pull } = methods
      return Layer.mock(tag, {
        pull$: pull === undefined ? missing$("pull$") : eventsOf(pull, lift),
        entries$: missing$("entries$"),
        tags$: missing$("tags$"),
        referrers$: missing$("referrers$"),
        settled: Effect.void,
        ...methods
      })
    })
  )
