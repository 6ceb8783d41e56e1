/** The events of a pull → what a user interface shows of it, as an operator. */
import { asyncScheduler, interval, Observable, type OperatorFunction, type SchedulerLike } from "rxjs"
import type { PullEvent } from "../api/events.ts"
import { advance, at, initial } from "./advance.ts"
import type { ErrorView, PullView } from "./PullView.ts"

export interface ProgressOptions {
  /** Milliseconds between two views while nothing but bytes, times and countdowns change. Default: 100. At least 16. */
  readonly interval?: number
  /** Tells the time, and is waited with. Default: `asyncScheduler`. */
  readonly scheduler?: SchedulerLike
}

const isErrorView = (u: unknown): u is ErrorView =>
  typeof u === "object" && u !== null && "message" in u && typeof u.message === "string"

/** The error as data; `toJSON` is what a `PullError` has. */
const viewOf = (error: unknown): ErrorView => {
  const plain: unknown =
    typeof error === "object" && error !== null && "toJSON" in error && typeof error.toJSON === "function"
      ? error.toJSON()
      : error
  return isErrorView(plain) ? { ...plain, message: plain.message } : { message: String(error) }
}

/**
 * Emits a view at once, one when a layer or the pull enters another phase, and others at most every `interval`, also while
 * nothing comes, so that a speed falls and a countdown goes on. The last one is `done` or `failed`.
 *
 *     events  --R----S--P-P-P--------D--E|      an error is a view too:   --R----S--#
 *     views   v-v----v---v---v---v---v--v|                                v-v----v--(v|)
 *
 * A pull that fails does not fail this observable: its last view has the `error` as data. Unsubscribing unsubscribes from
 * the events, which cancels the pull. It waits for nothing that its subscriber does.
 */
export const progress =
  ({
    interval: every = 100,
    scheduler = asyncScheduler
  }: ProgressOptions = {}): OperatorFunction<PullEvent, PullView> =>
  (events) =>
    new Observable((views) => {
      let state = initial
      let shown = ""
      const show = () => {
        state = at(state, scheduler.now())
        shown = phasesOf(state.view)
        views.next(state.view)
      }
      show()
      views.add(interval(Math.max(16, every), scheduler).subscribe(show))
      views.add(
        events.subscribe({
          next: (event) => {
            state = advance(state, event, scheduler.now())
            const phases = phasesOf(state.view)
            if (event._tag === "LayerProgress" && phases === shown) return
            shown = phases
            views.next(state.view)
          },
          error: (error) => {
            if (state.view.phase !== "done") {
              const { retry: _, remaining: _r, ...view } = at(state, scheduler.now()).view
              views.next({ ...view, phase: "failed", speed: 0, error: viewOf(error) })
            }
            views.complete()
          },
          complete: () => views.complete()
        })
      )
    })

/** Changes when a layer enters another phase. */
const phasesOf = ({ layers }: PullView): string => layers.map(({ phase }) => phase).join()
