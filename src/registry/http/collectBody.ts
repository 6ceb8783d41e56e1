/** Reads a body whole, up to a bound. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import { tap } from "rxjs"
import { RegistryUnreachable, redactUrl } from "../../api/errors.ts"
import type { MayRead } from "../../image/LargeDocuments.ts"
import { concatBytes } from "../../reactive/concatBytes.ts"
import { Gate } from "../../reactive/Gate.ts"
import { limitBytes } from "../../reactive/limitBytes.ts"
import { connectionProblem } from "../connection/connectionErrors.ts"
import type { Answer } from "../connection/Transport.ts"

/** The body has more than `limit` bytes, or more than may be read now; the request was aborted there. */
export class TooLong extends Data.TaggedError("TooLong")<{ readonly limit: number }> {}

export interface CollectOptions {
  /** Milliseconds within which it has to be whole. Default: those for documents. */
  readonly millis?: number | undefined
  /** Asked with the bytes so far. Default: all may be read, up to the limit. */
  readonly mayRead?: MayRead | undefined
}

/**
 * Fails with `TooLong` at byte `limit + 1`, or where it may not be read further, and with `RegistryUnreachable` where the body breaks off or is not whole within
 * `millis`.
 */
export const collectBody = (
  answer: Answer,
  limit: number,
  { millis = answer.documentTimeout, mayRead = () => true }: CollectOptions = {}
): Effect.Effect<Uint8Array, TooLong | RegistryUnreachable> =>
  Effect.callback<Uint8Array, TooLong | RegistryUnreachable>((resume) => {
    let bytes = 0
    const subscription = answer
      .body$(new Gate())
      .pipe(
        limitBytes(limit, () => new TooLong({ limit })),
        tap((piece) => {
          bytes += piece.length
          if (!mayRead(bytes)) throw new TooLong({ limit: bytes - piece.length })
        }),
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
