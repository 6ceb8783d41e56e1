import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import { describe, expect } from "vitest"
import type { Digest } from "../../../src/image/reference/Digest.ts"
import { longestWait, pollInterval, untilStalled } from "../../../src/pull/layer/waitForLayer.ts"
import { Blobs } from "../../../src/store/blobs/Blobs.ts"
import { it } from "../../support/effect.ts"

const digest = `sha256:${"a".repeat(64)}` as Digest
const size = 120_000

/** Somebody else's download, and somebody who waits for it. */
const waiting = Effect.fnUntraced(function* () {
  const other = { bytes: 0, isElsewhere: true, isDone: false }
  const blobs = Layer.mock(Blobs, {
    layout: undefined,
    partialsOf: () => Effect.sync(() => [{ digest, bytes: other.bytes }])
  })
  const isElsewhere = Effect.sync(() => other.isElsewhere)
  const isDone = Effect.sync(() => other.isDone)
  const fiber = yield* Effect.forkChild(
    untilStalled({ layer: { digest, size }, isElsewhere, isDone }).pipe(Effect.provide(blobs))
  )
  yield* Effect.yieldNow
  return { other, isOver: () => fiber.pollUnsafe() !== undefined, fiber }
})

describe("a layer that another pull has in hand", () => {
  it.effect("is waited for until the first look where nothing of it comes", () =>
    Effect.gen(function* () {
      const { isOver } = yield* waiting()
      yield* TestClock.adjust(pollInterval - 1)
      expect(isOver()).toBe(false)
      yield* TestClock.adjust(1)
      expect(isOver()).toBe(true)
    })
  )

  it.effect("is waited for while it would be whole in time, and no longer than that", () =>
    Effect.gen(function* () {
      const { other, isOver } = yield* waiting()
      // Always fast enough for what is left, and never whole.
      for (let waited = pollInterval; waited < longestWait; waited += pollInterval) {
        other.bytes += Math.ceil((size - other.bytes) / (longestWait / pollInterval))
        yield* TestClock.adjust(pollInterval)
        expect(isOver()).toBe(false)
      }
      other.bytes += Math.ceil((size - other.bytes) / 2)
      yield* TestClock.adjust(pollInterval)
      expect(isOver()).toBe(true)
    })
  )

  it.effect("is not waited for where it would be whole too late", () =>
    Effect.gen(function* () {
      const { other, isOver } = yield* waiting()
      other.bytes = size / (longestWait / pollInterval + 1) - 100
      yield* TestClock.adjust(pollInterval)
      expect(isOver()).toBe(true)
    })
  )

  it.effect("is waited for where it is whole, or comes from where ours would come from", () =>
    Effect.gen(function* () {
      const whole = yield* waiting()
      whole.other.bytes = size
      const same = yield* waiting()
      same.other.isElsewhere = false
      yield* TestClock.adjust(10 * longestWait)
      expect([whole.isOver(), same.isOver()]).toEqual([false, false])
      same.other.isElsewhere = true
      yield* TestClock.adjust(pollInterval)
      expect(same.isOver()).toBe(true)
      yield* Fiber.interrupt(whole.fiber)
    })
  )

  it.effect("is not waited for once it is there", () =>
    Effect.gen(function* () {
      const { other, isOver } = yield* waiting()
      other.isElsewhere = false
      other.isDone = true
      yield* TestClock.adjust(pollInterval)
      expect(isOver()).toBe(true)
    })
  )
})
