import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { Observable } from "rxjs"
import { describe, expect } from "vitest"
import { keeping, largeDocument, mostSources, patience } from "../../../src/image/LargeDocuments.ts"
import type { Gate } from "../../../src/reactive/Gate.ts"
import type { Answer } from "../../../src/registry/connection/Transport.ts"
import { collectBody } from "../../../src/registry/http/collectBody.ts"
import { it } from "../../support/effect.ts"

const piece = 65_536
const size = 4 * 2 ** 20

/** An answer that sends all it may, and counts it. */
const answerOf = (bytes: number, documentTimeout = 60_000) => {
  let sent = 0
  const body$ = (gate: Gate) =>
    new Observable<Uint8Array>((sink) =>
      gate.open$.subscribe(() => {
        while (gate.isOpen && sent < bytes && !sink.closed) {
          sent += piece
          sink.next(Buffer.alloc(piece, "x"))
        }
        if (sent >= bytes) sink.complete()
      })
    )
  const answer = { url: new URL("https://registry.test/v2/"), headers: {}, status: 200, documentTimeout, body$ }
  return { answer: answer as unknown as Answer, sent: () => sent }
}

/** A pull that reads a document and keeps it. */
const pulling = (bytes: number, documentTimeout?: number) =>
  Effect.gen(function* () {
    const { answer, sent } = answerOf(bytes, documentTimeout)
    const scope = yield* Scope.make()
    const reading = yield* Effect.forkScoped(keeping(scope)(collectBody(answer, size)))
    return { sent, reading, over: Scope.close(scope, Exit.void) }
  })

describe("large documents", () => {
  it.effect(
    "of twelve pulls at once are read two at a time; of the others, little more than tells that they are large",
    () =>
      Effect.gen(function* () {
        const pulls = yield* Effect.all(Array.from({ length: 12 }, () => pulling(size)))
        yield* TestClock.adjust(0)
        const sent = pulls.map((pull) => pull.sent()).sort((a, b) => b - a)
        expect(sent.slice(0, mostSources)).toEqual(Array.from({ length: mostSources }, () => size))
        expect(Math.max(...sent.slice(mostSources))).toBeLessThanOrEqual(largeDocument + piece)
        for (const { over, reading } of pulls) {
          expect(yield* Fiber.join(reading)).toHaveLength(size)
          yield* over
        }
      })
  )

  it.effect("that wait do not use up the time for a document", () =>
    Effect.gen(function* () {
      const [first, second, third] = yield* Effect.all([pulling(size), pulling(size), pulling(size, 1000)])
      yield* TestClock.adjust(0)
      yield* TestClock.adjust(patience - 1)
      expect(third.reading.pollUnsafe()).toBeUndefined()
      yield* first.over
      yield* TestClock.adjust(0)
      expect(yield* Fiber.join(third.reading)).toHaveLength(size)
      yield* second.over
      yield* third.over
    })
  )

  it.effect("keep no small one waiting", () =>
    Effect.gen(function* () {
      const large = yield* Effect.all(Array.from({ length: 4 }, () => pulling(size)))
      yield* TestClock.adjust(0)
      const small = yield* Effect.all(Array.from({ length: 20 }, () => pulling(largeDocument)))
      yield* TestClock.adjust(0)
      for (const { reading } of small) expect(yield* Fiber.join(reading)).toHaveLength(largeDocument)
      for (const { over, reading } of [...large, ...small]) {
        yield* Fiber.interrupt(reading)
        yield* over
      }
    })
  )
})
