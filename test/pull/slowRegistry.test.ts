/** A registry that stalls harms those who pull from it, and nobody else. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { TestClock } from "effect/testing"
import { describe, expect } from "vitest"
import type { PullerOptions } from "../../src/api/config.ts"
import type { PullEvent } from "../../src/api/events.ts"
import { Puller } from "../../src/index.ts"
import { longestWait, pollInterval } from "../../src/pull/layer/waitForLayer.ts"
import { fault, image, startRegistry, type TestImage } from "../../src/testing/index.ts"
import { it } from "../support/effect.ts"
import { randomLayer } from "../support/randomLayer.ts"

const scratch = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "ociflow-slow-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)
const serving = (images: Readonly<Record<string, TestImage>>) =>
  Effect.acquireRelease(
    Effect.promise(() => startRegistry({ images })),
    (registry) => Effect.promise(() => registry[Symbol.asyncDispose]())
  )
const until = (condition: () => boolean) =>
  Effect.promise(async () => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
  })

/** Time passes; what reads files or the network in between gets its turn. */
const passing = <A, E>(fiber: Fiber.Fiber<A, E>) =>
  Effect.gen(function* () {
    while (fiber.pollUnsafe() === undefined) {
      yield* TestClock.adjust(pollInterval)
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
    }
    return yield* Fiber.join(fiber)
  })

const open = (options: PullerOptions) => Effect.map(Layer.build(Puller.layer(options)), (it) => it.mapUnsafe)
type Opened = Effect.Success<ReturnType<typeof open>>
/** A pull under way, and what it tells. */
const pulling = Effect.fnUntraced(function* (opened: Opened, reference: string) {
  const puller = opened.get(Puller.key) as Puller["Service"]
  const events: Array<PullEvent> = []
  const fiber = yield* Effect.forkChild(puller.pull(reference, {}, (event) => void events.push(event)))
  const tags = () => events.map(({ _tag }) => _tag)
  return { fiber, tags }
})

const one = Effect.promise(() => image({ layers: [randomLayer("shared")] }))
const digestOf = (made: TestImage) => made.manifests[0]?.layers[0]?.digest ?? ""

/** Pulls from a registry that stalls in the middle of the layer, then from one that does not. */
const beside = Effect.fnUntraced(function* (isOneProcess: boolean) {
  const root = yield* scratch
  const made = yield* one
  const digest = digestOf(made)
  const stalled = yield* serving({ "app:1": made, "other:1": made })
  const sound = yield* serving({ "app:1": made })
  stalled.fault({ kind: "blob", reference: digest }, fault.stall(100_000))
  const options = { root, workers: 4 }
  const first = yield* open(options)
  const second = isOneProcess ? first : yield* open(options)
  const stuck = yield* pulling(first, stalled.reference("app:1"))
  yield* until(() => stalled.log.where({ reference: digest }).some(({ sent }) => sent >= 100_000))
  return { stalled, sound, second, stuck, digest }
})

describe("a layer that another registry stalls at", () => {
  for (const [where, isOneProcess, tag] of [
    ["in this process", true, "LayerStarted"],
    ["in another process", false, "LayerWaiting"]
  ] as const)
    it.effect(
      `${where} is taken from one's own, after some seconds, and then is there for all`,
      () =>
        Effect.gen(function* () {
          const { stalled, sound, second, stuck, digest } = yield* beside(isOneProcess)
          const own = yield* pulling(second, sound.reference("app:1"))
          yield* until(() => own.tags().includes(tag))
          expect(sound.log.count({ reference: digest })).toBe(0)
          const pulled = yield* passing(own.fiber)
          expect(pulled.layers[0]?.digest).toBe(digest)
          expect(sound.log.count({ reference: digest })).toBe(1)
          expect(own.tags().at(-1)).toBe("Pulled")

          // Nobody waits for what is there, though its lock is still held.
          const third = yield* serving({ "app:1": yield* one })
          const later = yield* pulling(second, third.reference("app:1"))
          yield* Fiber.join(later.fiber)
          expect([later.tags().includes("LayerCached"), third.log.count({ reference: digest })]).toEqual([true, 0])
          expect(stuck.tags()).not.toContain("Pulled")
          expect(stalled.log.count({ reference: digest })).toBe(1)
        }),
      60_000
    )

  for (const isOneProcess of [true, false])
    it.effect(
      `is not a failure of its own pull once another has published it (${isOneProcess ? "one process" : "two"})`,
      () =>
        Effect.gen(function* () {
          const { stalled, sound, second, stuck, digest } = yield* beside(isOneProcess)
          yield* passing((yield* pulling(second, sound.reference("app:1"))).fiber)
          expect(stuck.fiber.pollUnsafe()).toBeUndefined()
          yield* Effect.promise(() => stalled[Symbol.asyncDispose]())
          const pulled = yield* passing(stuck.fiber)
          expect(pulled.layers[0]?.digest).toBe(digest)
          expect(stuck.tags()).toContain("LayerCached")
        }),
      60_000
    )

  for (const isOneProcess of [true, false])
    it.effect(`is waited for by who has no other registry (${isOneProcess ? "one process" : "two"})`, () =>
      Effect.gen(function* () {
        const { stalled, second, digest } = yield* beside(isOneProcess)
        const same = yield* pulling(second, stalled.reference("other:1"))
        yield* until(() => same.tags().includes(isOneProcess ? "LayerStarted" : "LayerWaiting"))
        yield* TestClock.adjust(2 * longestWait)
        expect(stalled.log.count({ reference: digest })).toBe(1)
        stalled.clearFaults()
      })
    )
})

it.effect("three stalled layers of one image delay another image by 5 s at most", () =>
  Effect.gen(function* () {
    const root = yield* scratch
    const stalledImage = yield* Effect.promise(() =>
      image({ layers: ["a", "b", "c", "d"].map((name) => randomLayer(name)) })
    )
    const other = yield* Effect.promise(() => image({ layers: ["e", "f"].map((name) => randomLayer(name)) }))
    const stalled = yield* serving({ "app:1": stalledImage })
    const sound = yield* serving({ "app:1": other })
    const layers = new Set(stalledImage.manifests[0]?.layers.map(({ digest }) => digest))
    for (const digest of layers) stalled.fault({ kind: "blob", reference: digest }, fault.stall(100_000))
    const opened = yield* open({ root, workers: 8, concurrency: 3 })
    yield* pulling(opened, stalled.reference("app:1"))
    const asked = () => [...layers].filter((reference) => stalled.log.count({ reference }) > 0).length
    yield* until(() => asked() === 3)
    const free = yield* pulling(opened, sound.reference("app:1"))
    yield* until(() => free.tags().includes("Resolved"))
    const wanted = other.manifests[0]?.layers.map(({ digest }) => digest) ?? []
    expect(wanted.map((reference) => sound.log.count({ reference }))).toEqual([0, 0])
    expect((yield* passing(free.fiber)).layers).toHaveLength(2)
    expect(asked()).toBe(3)
  })
)
