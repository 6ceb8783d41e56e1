/** Progress of each layer at most once in so many milliseconds; every other event as it comes. */
import {
  connect,
  filter,
  groupBy,
  type MonoTypeOperatorFunction,
  merge,
  mergeMap,
  startWith,
  switchMap,
  takeUntil,
  throttleTime
} from "rxjs"
import type { PullEvent } from "../../api/events.ts"

const isProgress = ({ _tag }: PullEvent) => _tag === "LayerProgress"
/** Warnings of a layer say nothing of how far it is. */
const layerOf = (event: PullEvent): string | undefined => {
  switch (event._tag) {
    case "LayerCached":
    case "LayerWaiting":
    case "LayerStarted":
    case "LayerProgress":
    case "LayerDone":
    case "Retrying":
      return event.digest
    default:
      return undefined
  }
}

/**
 * The first progress after another event of its layer comes at once. What is held back is the latest, and is never emitted
 * after a later event of its layer.
 *
 *     events   --S-p1-p2-p3------p4-R--p5--D-|
 *     out      --S-p1------p3-------R--p5--D-|      p4 was held back until R
 */
export const throttleProgress =
  (milliseconds: number): MonoTypeOperatorFunction<PullEvent> =>
  (source) => {
    if (milliseconds === 0) return source
    return source.pipe(
      connect((events) => {
        const over = events.pipe(filter(({ _tag }) => _tag === "Pulled"))
        return events.pipe(
          groupBy(layerOf),
          mergeMap((group) => {
            if (group.key === undefined) return group
            return group.pipe(
              connect((layer) => {
                const steps = layer.pipe(filter((event) => !isProgress(event)))
                const samples = layer.pipe(
                  filter(isProgress),
                  throttleTime(milliseconds, undefined, { leading: true, trailing: true }),
                  takeUntil(over)
                )
                const progress = steps.pipe(
                  startWith(undefined),
                  switchMap(() => samples)
                )
                return merge(progress, steps)
              })
            )
          })
        )
      })
    )
  }
