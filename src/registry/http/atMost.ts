/** Lets `limit` bytes pass and fails at the first byte more. */
import { type MonoTypeOperatorFunction, Observable } from "rxjs"

export const atMost =
  (limit: number, tooMuch: () => unknown): MonoTypeOperatorFunction<Uint8Array> =>
  (source) =>
    new Observable((sink) => {
      let room = limit
      sink.add(
        source.subscribe({
          next: (chunk) => {
            const fits = chunk.length <= room
            if (fits || room > 0) sink.next(fits ? chunk : chunk.subarray(0, room))
            room -= chunk.length
            if (!fits) sink.error(tooMuch())
          },
          error: (error) => sink.error(error),
          complete: () => sink.complete()
        })
      )
    })
