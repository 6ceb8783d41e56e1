/** Lifts a synchronous machine (a hash, an inflater) into an operator: one machine per subscription. */
import type { OperatorFunction } from "rxjs"
import { Observable } from "../seams/rxjs.ts"
import { operate } from "./operate.ts"

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
      if (machine.close !== undefined) subscriber.add(machine.close)
      subscriber.add(
        source.subscribe(
          operate<A>({
            destination: subscriber,
            // A source that emits while it is being subscribed cannot be stopped: what it emits after a failure is ignored.
            next: (chunk) => {
              if (!subscriber.closed) machine.push(chunk, next)
            },
            complete: () => {
              if (subscriber.closed) return
              machine.end(next)
              subscriber.complete()
            }
          })
        )
      )
    })
