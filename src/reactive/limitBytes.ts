import { type MonoTypeOperatorFunction, Observable } from "rxjs"
import { operate } from "./operate.ts"

/** Passes `limit` bytes on and fails with `tooMuch()` at the first byte more. */
export const limitBytes =
  (limit: number, tooMuch: () => unknown): MonoTypeOperatorFunction<Uint8Array> =>
  (source) =>
    new Observable((subscriber) => {
      let left = limit
      subscriber.add(
        source.subscribe(
          operate<Uint8Array>({
            destination: subscriber,
            next: (chunk) => {
              const fits = chunk.length <= left
              if (fits || left > 0) subscriber.next(fits ? chunk : chunk.subarray(0, left))
              left -= chunk.length
              if (!fits) subscriber.error(tooMuch())
            }
          })
        )
      )
    })
