/**
 * Runs an effect at its first use and keeps what it gave. Unlike `Effect.cached` it does not keep a failure, and a
 * first user that is interrupted does not spoil it for the others.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"

export const cachedSuccess = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const turn = Semaphore.makeUnsafe(1)
  let kept: { readonly value: A } | undefined
  const first = Effect.map(effect, (value) => {
    kept = { value }
    return value
  })
  return Effect.suspend(() =>
    kept === undefined
      ? turn.withPermit(
          Effect.suspend(() => (kept === undefined ? Effect.uninterruptible(first) : Effect.succeed(kept.value)))
        )
      : Effect.succeed(kept.value)
  )
}
