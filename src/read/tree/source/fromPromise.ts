import * as Effect from "effect/Effect"
import { isReason, type Reason } from "../../../api/errors.ts"

/** A promise whose rejections are reasons, or defects. The signal aborts when the fiber is interrupted. */
export const fromPromise = <A>(run: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, Reason> =>
  Effect.catch(Effect.tryPromise({ try: run, catch: (error) => error }), (error) =>
    isReason(error) ? Effect.fail(error) : Effect.die(error)
  )
