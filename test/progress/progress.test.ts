import * as fc from "fast-check"
import { concat, from, NEVER, type Observable, Subject, throwError, VirtualTimeScheduler } from "rxjs"
import { describe, expect, test } from "vitest"
import { ManifestNotFound, PullError } from "../../src/api/errors.ts"
import type { PullEvent } from "../../src/api/events.ts"
import { advance, initial } from "../../src/progress/advance.ts"
import { type PullView, progress } from "../../src/progress/index.ts"
import {
  cached,
  digestOf,
  done,
  image,
  layers,
  pulled,
  resolved,
  resolving,
  retrying,
  started,
  progress as step,
  story,
  warning
} from "../cli/events.ts"

const waiting = (n: number): PullEvent => ({ _tag: "LayerWaiting", digest: digestOf(n) })
/** Of another pull of this client. */
const shared = (event: PullEvent): PullEvent => ({ ...event, shared: true }) as PullEvent
const total = layers.reduce((sum, { size }) => sum + size, 0)

/** Folds events that come a second apart. */
const viewOf = (...events: ReadonlyArray<PullEvent>) =>
  events.reduce((state, event, second) => advance(state, event, second * 1000), initial).view
const layerOf = (view: PullView, n: number) => view.layers.find(({ digest }) => digest === digestOf(n))

const n = fc.integer({ min: 1, max: 6 })
const owned = fc.constantFrom((event: PullEvent) => event, shared)
const share = fc.double({ min: 0, max: 1, noNaN: true })
/** Whatever a pull can tell of its layers, in every order: mirrors lie, layers start again, other pulls give up. */
const anyEvent: fc.Arbitrary<PullEvent> = fc.oneof(
  fc.tuple(owned, n, share, share).map(([as, n, a, b]) => as(step(n, Math.max(a, b), Math.min(a, b)))),
  n.map((n) => started(n)),
  fc.tuple(owned, n, share).map(([as, n, of]) => as(started(n, Math.floor(of * n * 2 ** 20)))),
  n.map((n) => retrying(n)),
  fc.constant(retrying()),
  n.map(done),
  n.map(cached),
  n.map(waiting),
  fc.constant(warning),
  fc.constant<PullEvent>({ _tag: "Quota", registry: "r.test", limit: 100, remaining: 7 })
)
const timed = fc.array(fc.tuple(anyEvent, fc.integer({ min: 0, max: 20_000 })), { maxLength: 60 })

describe("for every order of events", () => {
  test("the fraction never falls, is below 1 until the image is complete, and 1 then; sums agree", () => {
    fc.assert(
      fc.property(timed, fc.boolean(), (events, whole) => {
        const end: ReadonlyArray<[PullEvent, number]> = whole ? [[pulled, 1]] : []
        let now = 1_700_000_000_000
        let state = initial
        let before = state.view
        for (const [event, wait] of [[resolving, 0] as const, [resolved, 5] as const, ...events, ...end]) {
          now += wait
          state = advance(state, event, now)
          const { view } = state
          expect(view.fraction).toBeGreaterThanOrEqual(before.fraction)
          expect(view.fraction === 1).toBe(event._tag === "Pulled")
          for (const key of ["received", "extracted"] as const) {
            expect(view[key]).toBe(view.layers.reduce((sum, layer) => sum + layer[key], 0))
            expect(view[key]).toBeLessThanOrEqual(view.total)
          }
          if (event._tag !== "Resolving") expect(view.total).toBe(total)
          expect(view.speed).toBeGreaterThanOrEqual(0)
          expect(view.remaining ?? 0).toBeGreaterThanOrEqual(0)
          expect(view.elapsed).toBeGreaterThanOrEqual(before.elapsed)
          expect(structuredClone(view)).toEqual(view)
          expect(JSON.parse(JSON.stringify(view))).toEqual(view)
          before = view
        }
      })
    )
  })

  test("nothing changes after the image is complete", () => {
    fc.assert(
      fc.property(fc.array(anyEvent), (late) => {
        expect(viewOf(...story, ...late)).toEqual(viewOf(...story))
      })
    )
  })
})

describe("a view", () => {
  test("knows the total before the first byte, cached layers counted", () => {
    const view = viewOf(resolving, resolved, cached(6))
    expect(view).toMatchObject({ phase: "pulling", total, received: 6 * 2 ** 20, extracted: 6 * 2 ** 20, speed: 0 })
    expect(view.fraction).toBeCloseTo((0.99 * 6) / 21)
  })

  test("of a cached pull is complete, and everything in it cached", () => {
    const view = viewOf(resolving, resolved, { _tag: "Pulled", image, cached: true })
    expect(view).toMatchObject({ phase: "done", fraction: 1, cached: true, downloaded: 0, image })
    expect(view.layers.map(({ phase }) => phase)).toEqual(Array(6).fill("cached"))
  })

  test("counts what was kept as received, and not as downloaded or as speed", () => {
    const view = viewOf(resolving, resolved, started(6, 5 * 2 ** 20), step(6, 5.5 / 6, 0))
    expect(view).toMatchObject({ received: 5.5 * 2 ** 20, downloaded: 2 ** 19 })
    const later = viewOf(resolving, resolved, started(6, 5 * 2 ** 20), step(6, 5.5 / 6, 0), step(6, 1, 0))
    expect(later.speed).toBeLessThanOrEqual(2 ** 20)
  })

  test("counts what is kept of every layer at once, before its turn, and takes nothing away when it is read again", () => {
    const keeping = { ...resolved, layers: resolved.layers.map((layer) => ({ ...layer, kept: layer.size / 2 })) }
    const before = viewOf(resolving, keeping)
    expect(before).toMatchObject({ total, received: total / 2, downloaded: 0, extracted: 0 })
    expect(before.layers.map(({ phase }) => phase)).toEqual(Array(6).fill("queued"))
    const reading = viewOf(resolving, keeping, started(6, 3 * 2 ** 20), step(6, 0.1, 0.1))
    expect(reading).toMatchObject({ received: total / 2, downloaded: 0, speed: 0 })
    expect(layerOf(reading, 6)).toMatchObject({ received: 3 * 2 ** 20, extracted: Math.floor(0.6 * 2 ** 20) })
    const arriving = viewOf(resolving, keeping, started(6, 3 * 2 ** 20), step(6, 0.1, 0.1), step(6, 1, 0.5))
    expect(arriving.downloaded).toBe(3 * 2 ** 20)
  })

  test("of a layer that starts again because its bytes were wrong goes back, the whole does not", () => {
    const before = viewOf(resolving, resolved, started(6), step(6, 1, 0.9))
    const after = viewOf(resolving, resolved, started(6), step(6, 1, 0.9), started(6))
    expect(layerOf(after, 6)).toMatchObject({ phase: "downloading", received: 0, extracted: 0 })
    expect(after.fraction).toBe(before.fraction)
  })

  test("tells downloading, extracting, waiting, queued and retrying apart", () => {
    const view = viewOf(resolving, resolved, started(1), step(2, 1, 0.5), waiting(3), retrying(4), cached(6))
    expect(view.layers.map(({ phase }) => phase)).toEqual([
      "downloading",
      "extracting",
      "waiting",
      "retrying",
      "queued",
      "cached"
    ])
    expect(layerOf(view, 4)?.retry).toEqual({
      attempt: 2,
      at: 5000 + 1500,
      reason: "BlobInterrupted",
      message: "download broke"
    })
  })

  test("of a layer that another pull of the client downloads is waiting, and counts its bytes from then on", () => {
    const before = [resolving, resolved, waiting(6), shared(started(6, 3 * 2 ** 20)), shared(step(6, 0.5, 0.4))]
    expect(layerOf(viewOf(...before), 6)).toMatchObject({ phase: "waiting", received: 3 * 2 ** 20 })
    expect(viewOf(...before).downloaded).toBe(0)
    const more = [...before, shared(step(6, 1, 0.5))]
    expect(layerOf(viewOf(...more), 6)).toMatchObject({ phase: "waiting", received: 6 * 2 ** 20, entries: 50 })
    expect(viewOf(...more)).toMatchObject({ downloaded: 3 * 2 ** 20, received: 6 * 2 ** 20 })
    expect(layerOf(viewOf(...more, done(6)), 6)).toMatchObject({ phase: "done" })
    // The other pull was cancelled: this one goes on.
    expect(layerOf(viewOf(...before, step(6, 0.5, 0.4)), 6)).toMatchObject({ phase: "downloading" })
    expect(viewOf(...before, step(6, 0.5, 0.4)).downloaded).toBe(0)
  })

  test("of a layer that another process downloads is waiting, and counts nothing of it", () => {
    const view = viewOf(resolving, resolved, waiting(6), cached(6))
    expect(view).toMatchObject({ downloaded: 0, speed: 0, received: 6 * 2 ** 20 })
    expect(layerOf(viewOf(resolving, resolved, waiting(6), started(6)), 6)).toMatchObject({ phase: "downloading" })
  })

  test("of a shared download that failed shows the retry, then waits again", () => {
    const events = [resolving, resolved, waiting(4), shared(started(4)), shared(step(4, 0.5, 0.5)), retrying(4)]
    expect(layerOf(viewOf(...events), 4)).toMatchObject({ phase: "retrying", retry: { attempt: 2 } })
    const after = layerOf(viewOf(...events, warning, warning, shared(step(4, 0.6, 0.5))), 4)
    expect(after).toMatchObject({ phase: "waiting" })
    expect(after).not.toHaveProperty("retry")
  })

  test("has a retry until bytes flow again", () => {
    // The next attempt is due 1.5 s after it.
    const before = [resolving, resolved, started(4), step(4, 0.5, 0.5), retrying(4)]
    const late = layerOf(viewOf(...before, step(4, 0.6, 0.5)), 4)
    expect(late).toMatchObject({ phase: "retrying", received: Math.floor(0.6 * 4 * 2 ** 20) })
    expect(layerOf(viewOf(...before, warning, step(4, 0.5, 0.5)), 4)?.retry).toBeDefined()
    const after = layerOf(viewOf(...before, warning, step(4, 0.6, 0.5)), 4)
    expect(after).toMatchObject({ phase: "downloading" })
    expect(after).not.toHaveProperty("retry")
  })

  test("says how long it takes at the present speed, the slower of download and extraction", () => {
    const events = [resolving, resolved, started(6), step(6, 0.25, 0.125), step(6, 0.5, 0.25)]
    // 3 MiB in the second since the first byte, and 1.5 MiB of it extracted: too early to tell the time.
    expect(viewOf(...events)).toMatchObject({ speed: 3 * 2 ** 20, elapsed: 4000 })
    expect(viewOf(...events)).not.toHaveProperty("remaining")
    expect(viewOf(...events, warning)).toMatchObject({ speed: 1.5 * 2 ** 20, remaining: 26_000, elapsed: 5000 })
  })

  test("keeps a hundred warnings", () => {
    expect(viewOf(resolving, ...Array(150).fill(warning)).warnings).toHaveLength(100)
  })
})

describe("progress()", () => {
  const watch = (events: Observable<PullEvent>, until: number) => {
    const scheduler = new VirtualTimeScheduler(undefined, until)
    const views: Array<PullView> = []
    let completed = false
    const subscription = events.pipe(progress({ scheduler })).subscribe({
      next: (view) => views.push(view),
      complete: () => {
        completed = true
      }
    })
    scheduler.flush()
    subscription.unsubscribe()
    return { views, isCompleted: () => completed }
  }

  test("emits a view at once, and goes on while nothing comes", () => {
    const { views, isCompleted } = watch(NEVER, 1000)
    expect(views.map(({ elapsed }) => elapsed)).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000])
    expect(isCompleted()).toBe(false)
  })

  test("emits each phase, and not each piece of progress", () => {
    const pieces = Array.from({ length: 1000 }, (_, i) => step(6, i / 2000, 0))
    const { views } = watch(concat(from([resolving, resolved, started(6), ...pieces]), NEVER), 50)
    expect(views).toHaveLength(4)
    expect(views.at(-1)).toMatchObject({ phase: "pulling" })
  })

  test("ends with the image", () => {
    const { views, isCompleted } = watch(from(story), 50)
    expect(views.at(-1)).toMatchObject({ phase: "done", fraction: 1, image })
    expect(isCompleted()).toBe(true)
  })

  test("ends with the error as data, and completes", () => {
    const reason = new ManifestNotFound({ url: "https://r.test/v2/app/manifests/1" })
    const error = new PullError({ reference: "r.test/app:1", reason })
    const { views, isCompleted } = watch(
      concat(
        from([resolving]),
        throwError(() => error)
      ),
      50
    )
    expect(views.at(-1)).toMatchObject({
      phase: "failed",
      error: { message: error.message, advice: error.advice, isRetryable: false, reason: { _tag: "ManifestNotFound" } }
    })
    expect(isCompleted()).toBe(true)
    expect(
      watch(
        throwError(() => "no"),
        50
      ).views.at(-1)
    ).toMatchObject({ phase: "failed", error: { message: "no" } })
  })

  test("unsubscribing unsubscribes from the events", () => {
    const events = new Subject<PullEvent>()
    const subscription = events.pipe(progress()).subscribe()
    expect(events.observed).toBe(true)
    subscription.unsubscribe()
    expect(events.observed).toBe(false)
  })
})
