/** The largest buffer that is asked for: none by a number that a stranger wrote. */

let largest = 0

for (const name of ["alloc", "allocUnsafe", "allocUnsafeSlow"] as const) {
  const allocate = Buffer[name] as (size: number, ...rest: ReadonlyArray<unknown>) => Buffer
  Object.assign(Buffer, {
    [name]: (size: number, ...rest: ReadonlyArray<unknown>) => {
      largest = Math.max(largest, size)
      return allocate(size, ...rest)
    }
  })
}

/** To be called before a case; the result is called after it. */
export const watchAllocations = (most: number): (() => string | undefined) => {
  largest = 0
  return () => (largest > most ? `a buffer of ${largest} bytes was asked for` : undefined)
}
