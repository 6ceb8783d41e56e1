/** When a failed request is tried again: exponential back-off with full jitter, as a `Schedule` over reasons. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type { RetryOptions } from "../../api/config.ts"
import { isReason, type Reason } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import { isPermanent } from "../connection/connectionErrors.ts"

const askedFor = (reason: Reason): number =>
  reason._tag === "RateLimited" || reason._tag === "RegistryError" ? (reason.retryAfterMillis ?? 0) : 0

const worthTrying = (reason: Reason, maxWait: number): boolean =>
  reason.isRetryable &&
  askedFor(reason) <= maxWait &&
  !(reason._tag === "RegistryUnreachable" && isPermanent(reason.cause))

/** Each retry is announced by a `Retrying` event. `Retry-After` lengthens a delay; beyond `maxWait` there is no retry. */
export const retries = ({ times, base, cap, maxWait }: RetryOptions, emit: Emit, digest?: string) =>
  Schedule.exponential(base).pipe(
    Schedule.setInputType<Reason>(),
    Schedule.while(({ input, attempt }) => attempt <= times && worthTrying(input, maxWait)),
    Schedule.modifyDelay(({ input, duration }) =>
      Effect.map(Random.next, (random) =>
        Math.max(random * Math.min(cap, Duration.toMillis(duration)), askedFor(input))
      )
    ),
    Schedule.tap(({ input, attempt, duration }) =>
      Effect.sync(() =>
        emit({
          _tag: "Retrying",
          ...(digest === undefined ? {} : { digest }),
          attempt,
          delay: Math.round(Duration.toMillis(duration)),
          reason: input._tag,
          message: input.message
        })
      )
    )
  )

/** Waits before the next attempt, or fails with the error where there shall be none; `renewed` starts from the first delay. */
export type Backoff = (error: unknown, renewed: boolean) => Effect.Effect<void, unknown>

/** One back-off's memory, for attempts that are no Effects. */
export const makeBackoff = (schedule: ReturnType<typeof retries>): Backoff => {
  let step:
    | Effect.Success<ReturnType<typeof Schedule.toStepWithSleep<Duration.Duration, Reason, never, never>>>
    | undefined
  return Effect.fnUntraced(function* (error, renewed) {
    if (!isReason(error)) return yield* Effect.fail(error)
    if (step === undefined || renewed) step = yield* Schedule.toStepWithSleep(schedule)
    yield* Pull.catchDone(step(error), () => Effect.fail(error))
  })
}
