/** Progress of each layer at most once in so many milliseconds; every other event as it comes. */
import { auditTime, connect, filter, groupBy, type MonoTypeOperatorFunction, mergeMap, takeUntil } from "rxjs"
import type { PullEvent } from "../../api/events.ts"

const isDone = (event: PullEvent, digest: string) => event._tag === "LayerDone" && event.digest === digest

export const throttleProgress =
  (milliseconds: number): MonoTypeOperatorFunction<PullEvent> =>
  (source) =>
    source.pipe(
      connect((events) =>
        events.pipe(
          groupBy((event) => (event._tag === "LayerProgress" ? event.digest : undefined)),
          mergeMap((group) => {
            const { key } = group
            if (key === undefined) return group
            // Without this, a sample could be emitted after its layer has ended.
            return group.pipe(auditTime(milliseconds), takeUntil(events.pipe(filter((event) => isDone(event, key)))))
          })
        )
      )
    )
