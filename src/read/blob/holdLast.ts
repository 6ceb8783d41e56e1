import type { MonoTypeOperatorFunction } from "rxjs"
import { transduce } from "../../reactive/transduce.ts"

/** Passes each value on when the next one comes, and the last when the source completes: after an error it is not given. */
export const holdLast = <A>(): MonoTypeOperatorFunction<A> =>
  transduce(() => {
    let held: { readonly value: A } | undefined
    return {
      push: (value, next) => {
        if (held !== undefined) next(held.value)
        held = { value }
      },
      end: (next) => {
        if (held !== undefined) next(held.value)
      }
    }
  })
