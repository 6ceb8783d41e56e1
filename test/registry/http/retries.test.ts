/** The delays of the attempts that follow a failure, and what is told of them. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import { TestClock } from "effect/testing"
import { describe, expect } from "vitest"
import { BlobNotFound, RateLimited, type Reason, RegistryError, RegistryUnreachable } from "../../../src/api/errors.ts"
import type { PullEvent } from "../../../src/api/events.ts"
import { makeBackoff, retries } from "../../../src/registry/http/retries.ts"
import { it } from "../../support/effect.ts"

const url = "https://registry.test/v2/"
const unreachable = new RegistryUnreachable({ url, problem: "reset" })
const options = { times: 5, base: 100, cap: 400, maxWait: 2000 }

/** What is told while attempts fail with these reasons, the last one again and again. `share`: of the longest delay. */
const telling = Effect.fnUntraced(function* (
  share: number,
  [first, ...others]: readonly [Reason, ...Array<Reason>],
  digest?: string
) {
  const events: Array<PullEvent> = []
  const left = [first, ...others]
  let attempts = 0
  const attempt = Effect.suspend(() => {
    attempts += 1
    return Effect.fail(left.length > 1 ? (left.shift() ?? first) : (left[0] ?? first))
  })
  const random = { nextDoubleUnsafe: () => share, nextIntUnsafe: () => 0 }
  const fiber = yield* Effect.forkChild(
    Effect.flip(
      Effect.retry(
        attempt,
        retries(options, (event) => void events.push(event), digest)
      )
    ).pipe(Effect.provideService(Random.Random, random))
  )
  yield* TestClock.adjust("1 hour")
  const failure = yield* Fiber.join(fiber)
  return { events, attempts, failure }
})

const delaysOf = (events: ReadonlyArray<PullEvent>) =>
  events.flatMap((event) => (event._tag === "Retrying" ? [event.delay] : []))

describe("a failed request is tried again", () => {
  it.effect("as often as the option says, after delays that double up to the cap; each is told", () =>
    Effect.gen(function* () {
      const { events, attempts, failure } = yield* telling(1, [unreachable], "sha256:a")
      expect([attempts, failure]).toEqual([6, unreachable])
      const told = { _tag: "Retrying", digest: "sha256:a", reason: "RegistryUnreachable", message: unreachable.message }
      expect(events).toEqual([100, 200, 400, 400, 400].map((delay, at) => ({ ...told, attempt: at + 1, delay })))
    })
  )

  it.effect("after any share of the delay, in whole milliseconds; without a digest none is told", () =>
    Effect.gen(function* () {
      const { events } = yield* telling(0.337, [unreachable])
      expect(delaysOf(events)).toEqual([34, 67, 135, 135, 135])
      expect(events.filter((event) => "digest" in event)).toEqual([])
      expect(delaysOf((yield* telling(0, [unreachable])).events)).toEqual([0, 0, 0, 0, 0])
    })
  )

  it.effect("no sooner than the host asks; up to the time that is waited, and not where it asks for more", () =>
    Effect.gen(function* () {
      const limited = (retryAfterMillis: number) => new RateLimited({ url, retryAfterMillis })
      const busy = (retryAfterMillis: number) => new RegistryError({ url, status: 503, retryAfterMillis })
      const { events } = yield* telling(1, [limited(150), busy(150), limited(2000), unreachable])
      expect(delaysOf(events)).toEqual([150, 200, 2000, 400, 400])
      for (const reason of [limited(2001), busy(2001)]) {
        const { attempts, failure } = yield* telling(1, [unreachable, reason])
        expect([attempts, failure]).toEqual([2, reason])
      }
    })
  )

  it.effect("unless another attempt cannot do better", () =>
    Effect.gen(function* () {
      const refused = new RegistryUnreachable({
        url,
        problem: "its certificate has expired",
        cause: Object.assign(new Error("expired"), { code: "CERT_HAS_EXPIRED" })
      })
      for (const reason of [new BlobNotFound({ url, digest: "sha256:a" }), refused])
        expect(yield* telling(1, [reason])).toMatchObject({ attempts: 1, events: [] })
    })
  )
})

describe("a back-off", () => {
  it.effect("goes on where it was, until it is renewed; what is no reason fails at once", () =>
    Effect.gen(function* () {
      const events: Array<PullEvent> = []
      const backoff = makeBackoff(retries({ ...options, times: 2 }, (event) => void events.push(event)))
      const random = { nextDoubleUnsafe: () => 1, nextIntUnsafe: () => 0 }
      const waits = Effect.fnUntraced(function* (error: unknown, renewed: boolean) {
        const fiber = yield* Effect.forkChild(
          Effect.exit(backoff(error, renewed)).pipe(Effect.provideService(Random.Random, random))
        )
        yield* TestClock.adjust("1 hour")
        return (yield* Fiber.join(fiber))._tag
      })
      const ends = []
      for (const renewed of [false, false, true, false, false]) ends.push(yield* waits(unreachable, renewed))
      expect(ends).toEqual(["Success", "Success", "Success", "Success", "Failure"])
      expect(delaysOf(events)).toEqual([100, 200, 100, 200])
      expect(yield* waits(new Error("a defect"), true)).toBe("Failure")
      expect(events).toHaveLength(4)
    })
  )
})
