import type { MonoTypeOperatorFunction } from "rxjs"
import { transduce } from "../reactive/transduce.ts"

/** Passes chunks on in slices of at most so many bytes; how many is asked before each slice. */
export const sliceBytes = (most: () => number): MonoTypeOperatorFunction<Uint8Array> =>
  transduce(() => ({
    push: (chunk, next) => {
      for (let at = 0; at < chunk.length; ) {
        const slice = chunk.subarray(at, at + most())
        at += slice.length
        next(slice)
      }
    },
    end: () => {}
  }))
