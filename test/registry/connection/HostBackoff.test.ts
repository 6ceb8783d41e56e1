import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { describe, expect, test } from "vitest"
import type { Response } from "../../../src/registry/connection/exchange.ts"
import { makeHostBackoff } from "../../../src/registry/connection/HostBackoff.ts"
import { notices } from "../../../src/registry/headers/notices.ts"
import { it } from "../../support/effect.ts"

const url = new URL("https://r.test/v2/")
const other = new URL("https://other.test/v2/")
const answer = (status: number, headers: Record<string, string> = {}): Response => ({
  status,
  headers,
  body$: () => {
    throw new Error("unread")
  }
})

describe("manners", () => {
  it.effect("a host that sent Retry-After gets no requests until then; other hosts do", () =>
    Effect.gen(function* () {
      const { waitUntilReady, answered } = makeHostBackoff(60_000)
      yield* answered(url, answer(429, { "retry-after": "30" }))
      const waiting = yield* Effect.forkChild(
        Effect.all([waitUntilReady(url), waitUntilReady(url)], { concurrency: "unbounded" })
      )
      yield* waitUntilReady(other)
      yield* TestClock.adjust("29 seconds")
      expect(waiting.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(waiting)
    })
  )

  it.effect("a pause of maxWait is waited for; one millisecond more fails at once and names the time", () =>
    Effect.gen(function* () {
      for (const [status, tag] of [
        [429, "RateLimited"],
        [503, "RegistryError"]
      ] as const) {
        const { waitUntilReady, answered, remainingPause } = makeHostBackoff(60_000)
        yield* answered(url, answer(status, { "retry-after": "60" }))
        expect(yield* remainingPause(url)).toBe(60_000)
        const waiting = yield* Effect.forkChild(waitUntilReady(url))
        yield* TestClock.adjust("59999 millis")
        expect(waiting.pollUnsafe()).toBeUndefined()
        yield* TestClock.adjust("1 millis")
        yield* Fiber.join(waiting)
        yield* answered(url, answer(status, { "retry-after": "60.001" }))
        expect(yield* remainingPause(url)).toBe(0)
        const refused = yield* Effect.flip(waitUntilReady(url))
        expect(refused).toMatchObject({ _tag: tag, retryAfterMillis: 60_001 })
        expect(refused.message).toContain("it asks to wait 61 s")
        yield* waitUntilReady(other)
      }
    })
  )

  it.effect("a pause of a day is remembered for maxWait only; then the host is asked again", () =>
    Effect.gen(function* () {
      const { waitUntilReady, answered } = makeHostBackoff(60_000)
      yield* answered(url, answer(503, { "retry-after": "86400" }))
      yield* TestClock.adjust("59999 millis")
      expect(yield* Effect.flip(waitUntilReady(url))).toMatchObject({ retryAfterMillis: 86_400_000 - 59_999 })
      // A shorter time that was asked for meanwhile takes nothing back.
      yield* answered(url, answer(429, { "retry-after": "1" }))
      yield* Effect.flip(waitUntilReady(url))
      yield* TestClock.adjust("1 millis")
      yield* waitUntilReady(url)
      yield* answered(url, answer(429, { "retry-after": "5" }))
      const waiting = yield* Effect.forkChild(waitUntilReady(url))
      yield* TestClock.adjust("4999 millis")
      expect(waiting.pollUnsafe()).toBeUndefined()
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(waiting)
    })
  )

  it.effect("where nothing is waited for, each host is asked as it comes", () =>
    Effect.gen(function* () {
      const { waitUntilReady, answered } = makeHostBackoff(0)
      yield* answered(url, answer(429, { "retry-after": "3600" }))
      yield* waitUntilReady(url)
    })
  )

  it.effect("a host that never answers is not asked for a while; one answer makes it a host like others", () =>
    Effect.gen(function* () {
      const { waitUntilReady, answered, failed } = makeHostBackoff(60_000)
      const fail = (times: number) =>
        Effect.forEach(Array(times).fill(0), () => failed(url, { problem: "connection refused" }))
      yield* fail(11)
      yield* waitUntilReady(url)
      yield* fail(1)
      const error = yield* Effect.flip(waitUntilReady(url))
      expect(error).toMatchObject({ _tag: "RegistryUnreachable", isRetryable: true })
      expect(error.message).toContain("connection refused; after 12 failures")
      yield* waitUntilReady(other)
      yield* TestClock.adjust("10 seconds")
      yield* waitUntilReady(url)
      yield* fail(1)
      yield* Effect.flip(waitUntilReady(url))
      yield* TestClock.adjust("10 seconds")
      yield* answered(url, answer(200))
      yield* fail(11)
      yield* waitUntilReady(url)
    })
  )
})

describe("what a registry tells beside its answer", () => {
  test("is a quota, with its window where it is told", () => {
    const quota = (limit: string, remaining: string) =>
      notices("r.test", { "ratelimit-limit": limit, "ratelimit-remaining": remaining })
    expect(quota("100;w=21600", "76;w=21600")).toEqual([
      { _tag: "Quota", registry: "r.test", limit: 100, remaining: 76, window: 21_600_000 }
    ])
    expect(quota("100", "0")).toEqual([{ _tag: "Quota", registry: "r.test", limit: 100, remaining: 0 }])
    expect(quota("many", "0")).toEqual([])
    expect(notices("r.test", {})).toEqual([])
  })

  test("is warnings of code 299, a few, and fit to be shown", () => {
    const told = (warning: string | Array<string>) =>
      notices("r.test", { warning }).map((it) => "message" in it && it.message)
    expect(told('299 - "moves \\"soon\\""')).toEqual(['r.test: moves "soon"'])
    expect(told(['299 - "a", 299 - "b"', '110 - "stale"'])).toEqual(["r.test: a", "r.test: b"])
    expect(told('299 - "\u001b[31mred"')).toEqual(["r.test: [31mred"])
    expect(told(Array(100).fill('299 - "x"'))).toHaveLength(5)
    expect(told('299 - "never closed')).toEqual([])
  })
})
