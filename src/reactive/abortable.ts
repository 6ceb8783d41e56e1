import * as Effect from "effect/Effect"
import { onAbort } from "./onAbort.ts"

/** Interrupted when the signal is aborted. */
export const abortable =
  (signal: AbortSignal | undefined) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    if (signal === undefined) return effect
    const aborted = Effect.callback<never>((resume) => {
      if (signal.aborted) return resume(Effect.interrupt)
      const forget = onAbort(signal, () => resume(Effect.interrupt))
      return Effect.sync(forget)
    })
    return Effect.suspend(() => (signal.aborted ? Effect.interrupt : Effect.raceFirst(effect, aborted)))
  }
