import { defer, filter, type MonoTypeOperatorFunction, map } from "rxjs"

/** Leaves out the first `count` bytes. */
export const skipBytes =
  (count: number): MonoTypeOperatorFunction<Uint8Array> =>
  (source) =>
    count === 0
      ? source
      : defer(() => {
          let left = count
          return source.pipe(
            map((chunk) => {
              const rest = chunk.subarray(Math.min(left, chunk.length))
              left -= chunk.length - rest.length
              return rest
            }),
            filter(({ length }) => length > 0)
          )
        })
