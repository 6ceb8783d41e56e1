/** Reads a body whole, up to a bound. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { RegistryUnreachable, redactUrl } from "../../api/errors.ts"
import { concatBytes } from "../../reactive/concatBytes.ts"
import { Gate } from "../../reactive/Gate.ts"
import { limitBytes } from "../../reactive/limitBytes.ts"
import { connectionProblem } from "../connection/connectionErrors.ts"
import type { Answer } from "../connection/Transport.ts"

/** The body has more than `limit` bytes; the request was aborted there. */
export class TooLong extends Data.TaggedError("TooLong")<{ readonly limit: number }> {}

/**
 * Fails with `TooLong` at byte `limit + 1`, and with `RegistryUnreachable` where the body breaks off or is not whole within
 * `millis`.
 */
export const collectBody = (
  answer: Answer,
  limit: number,
  millis = answer.documentTimeout
): Effect.Effect<Uint8Array, TooLong | RegistryUnreachable> =>
  Effect.callback<Uint8Array, TooLong | RegistryUnreachable>((resume) => {
    const subscription = answer
      .body$(new Gate())
      .pipe(
        limitBytes(limit, () => new TooLong({ limit })),
        concatBytes
      )
      .subscribe({
        next: (bytes) => resume(Effect.succeed(bytes)),
        error: (error) => {
          const url = redactUrl(answer.url)
          const failure =
            error instanceof TooLong
              ? error
              : new RegistryUnreachable({ url, problem: connectionProblem(error), cause: error })
          resume(Effect.fail(failure))
        }
      })
    return Effect.sync(() => subscription.unsubscribe())
  }).pipe(
    Effect.timeoutOrElse({
      duration: millis,
      orElse: () => {
        const problem = "the document was not whole within the time limit (timeouts.document)"
        return Effect.fail(new RegistryUnreachable({ url: redactUrl(answer.url), problem }))
      }
    })
  )
