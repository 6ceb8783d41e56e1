/** Lifts a synchronous machine (a hash, an inflater) into an operator: one machine per subscription. */
import type { OperatorFunction } from "rxjs"
// By module: the barrel costs each extraction worker 0.1 s of CPU at its start.
import { Observable } from "rxjs/internal/Observable"

/** `push` and `end` hand each output to `next`; they may throw, which becomes the observable's error. */
export interface Machine<in A, out B> {
  readonly push: (chunk: A, next: (value: B) => void) => void
  readonly end: (next: (value: B) => void) => void
  /** Frees what the machine holds outside the heap; called once, however the subscription ends. */
  readonly close?: () => void
}

export const transduce =
  <A, B>(make: () => Machine<A, B>): OperatorFunction<A, B> =>
  (source) =>
    new Observable((subscriber) => {
      const machine = make()
      const next = (value: B) => subscriber.next(value)
      const guard = (step: () => void) => {
        try {
          step()
          return true
        } catch (error) {
          subscriber.error(error)
          return false
        }
      }
      if (machine.close !== undefined) subscriber.add(machine.close)
      subscriber.add(
        source.subscribe({
          // A source that emits while it is being subscribed cannot be stopped: what it says after a failure is void.
          next: (chunk) => {
            if (!subscriber.closed) guard(() => machine.push(chunk, next))
          },
          error: (error) => subscriber.error(error),
          complete: () => {
            if (!subscriber.closed && guard(() => machine.end(next))) subscriber.complete()
          }
        })
      )
    })
