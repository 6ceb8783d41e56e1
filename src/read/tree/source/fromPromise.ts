import * as Effect from "effect/Effect"
import { isReason, type Reason } from "../../../api/errors.ts"

const asReason = (error: unknown): Effect.Effect<never, Reason> =>
  isReason(error) ? Effect.fail(error) : Effect.die(error)

/** A promise whose rejections are reasons, or defects. The signal aborts when the fiber is interrupted. */
export const fromPromise = <A>(run: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, Reason> =>
  Effect.catch(Effect.tryPromise({ try: run, catch: (error) => error }), asReason)

/** The same, of what writes files: an interrupted fiber waits until it is settled. */
export const untilSettled = <A>(run: (signal: AbortSignal) => Promise<A>): Effect.Effect<A, Reason> =>
  Effect.callback((resume, signal) => {
    const running = run(signal).then(
      (value) => resume(Effect.succeed(value)),
      (error: unknown) => resume(asReason(error))
    )
    return Effect.promise(() => running)
  })
