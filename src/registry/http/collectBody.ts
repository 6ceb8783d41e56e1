/** Reads a body whole, up to a bound. */
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { tap } from "rxjs"
import { RegistryUnreachable, redactUrl } from "../../api/errors.ts"
import { admitLarge, largeDocument } from "../../image/LargeDocuments.ts"
import { concatBytes } from "../../reactive/concatBytes.ts"
import { Gate } from "../../reactive/Gate.ts"
import { limitBytes } from "../../reactive/limitBytes.ts"
import { connectionProblem } from "../connection/connectionErrors.ts"
import type { Answer } from "../connection/Transport.ts"

/** The body has more than `limit` bytes; the request was aborted there. */
export class TooLong extends Data.TaggedError("TooLong")<{ readonly limit: number }> {}

const collecting = (answer: Answer, limit: number, gate: Gate, large: Deferred.Deferred<void>) =>
  Effect.callback<Uint8Array, TooLong | RegistryUnreachable>((resume) => {
    let bytes = 0
    const subscription = answer
      .body$(gate)
      .pipe(
        limitBytes(limit, () => new TooLong({ limit })),
        tap((chunk) => {
          const before = bytes
          bytes += chunk.length
          if (before > largeDocument || bytes <= largeDocument) return
          gate.close()
          Deferred.doneUnsafe(large, Effect.void)
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
  })

/** Fails when the time is over. The rest of a large document is read once it may be, and the wait for that does not count. */
const deadline = Effect.fnUntraced(function* (
  answer: Answer,
  millis: number,
  gate: Gate,
  large: Deferred.Deferred<void>
): Effect.fn.Return<never, RegistryUnreachable, Scope.Scope> {
  const { currentTimeMillis } = Clock
  const began = yield* currentTimeMillis
  const isLarge = yield* Effect.raceFirst(
    Effect.as(Deferred.await(large), true),
    Effect.as(Effect.sleep(millis), false)
  )
  if (isLarge) {
    const left = millis - ((yield* currentTimeMillis) - began)
    yield* admitLarge
    gate.open()
    yield* Effect.sleep(Math.max(0, left))
  }
  const problem = "the document was not complete within the time limit (timeouts.document)"
  return yield* new RegistryUnreachable({ url: redactUrl(answer.url), problem })
})

/**
 * Fails with `TooLong` at byte `limit + 1`, and with `RegistryUnreachable` where the body breaks off or is not whole within
 * `millis`.
 */
export const collectBody = (
  answer: Answer,
  limit: number,
  millis = answer.documentTimeout
): Effect.Effect<Uint8Array, TooLong | RegistryUnreachable> =>
  Effect.suspend(() => {
    const [gate, large] = [new Gate(), Deferred.makeUnsafe<void>()]
    return Effect.raceFirst(collecting(answer, limit, gate, large), deadline(answer, millis, gate, large))
  }).pipe(Effect.scoped)
