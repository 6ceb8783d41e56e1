/**
 * A stage that meets broken bytes keeps quiet until the end: bytes that are broken because they were tampered with or
 * cut are a `DigestMismatch` or a `SizeMismatch`, which only the hash before this stage can tell, and only at the end.
 */
import { CorruptLayer } from "../api/errors.ts"
import type { Machine } from "../reactive/transduce.ts"

/** Drops whatever follows the first `CorruptLayer` and throws it at the end. Every other error is thrown at once. */
export const deferCorruption = <A, B>(machine: Machine<A, B>): Machine<A, B> => {
  let broken: CorruptLayer | undefined
  const guard = (step: () => void) => {
    try {
      if (broken === undefined) step()
    } catch (error) {
      if (!(error instanceof CorruptLayer)) throw error
      broken = error
    }
  }
  return {
    push: (chunk, next) => guard(() => machine.push(chunk, next)),
    end: (next) => {
      guard(() => machine.end(next))
      if (broken !== undefined) throw broken
    },
    close: () => machine.close?.()
  }
}
