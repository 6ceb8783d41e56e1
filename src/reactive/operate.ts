import type { Observer, Subscriber } from "rxjs"

export interface OperateOptions<A> {
  /** Receives every notification that has no handler here. */
  readonly destination: Pick<Subscriber<unknown>, "error" | "complete">
  readonly next: (value: A) => void
  readonly error?: (error: unknown) => void
  readonly complete?: () => void
}

/**
 * The observer of an operator's source, as RxJS 8's `operate`: `error` and `complete` are forwarded unless a handler is
 * given, and what a handler throws is the destination's error.
 */
export const operate = <A>({ destination, next, error, complete }: OperateOptions<A>): Observer<A> => {
  const guard = (step: () => void) => {
    try {
      step()
    } catch (thrown) {
      destination.error(thrown)
    }
  }
  return {
    next: (value) => {
      // No closure for each value: this is the path of every chunk.
      try {
        next(value)
      } catch (thrown) {
        destination.error(thrown)
      }
    },
    error: (reason) => (error === undefined ? destination.error(reason) : guard(() => error(reason))),
    complete: () => (complete === undefined ? destination.complete() : guard(complete))
  }
}
