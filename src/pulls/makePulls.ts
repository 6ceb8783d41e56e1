/** The registry of a client's pulls. */

import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import {
  BehaviorSubject,
  catchError,
  concat,
  defer,
  EMPTY,
  ignoreElements,
  merge,
  type Observable,
  of,
  Subject,
  startWith,
  switchMap
} from "rxjs"
import { defaultPulls, filled, type PullsOptions, type Some } from "../api/config.ts"
import type { PullError } from "../api/errors.ts"
import type { Emit, PullEvent } from "../api/events.ts"
import { initial } from "../progress/advance.ts"
import type { PullView } from "../progress/PullView.ts"
import { progress } from "../progress/progress.ts"
import { makeLift } from "../reactive/bridge.ts"
import { cachedSuccess } from "../reactive/cachedSuccess.ts"
import type { PullState, Pulls, StartOptions, TrackedPull } from "./Pulls.ts"

/** The same as Effects. */
export type PullsEffect = {
  readonly [K in keyof Pulls]: Pulls[K] extends (...args: infer Args) => Promise<infer A>
    ? (...args: Args) => Effect.Effect<A, K extends "start" | "resume" ? PullError : never>
    : Pulls[K]
}

/** What is to be pulled, by its full name. */
export interface Identity {
  readonly id: string
  readonly reference: string
}

export interface InterruptedPull extends Identity {
  readonly platform: string
  readonly total: number
  /** Bytes that are kept. */
  readonly received: number
}

export interface PullsSource {
  readonly pull: (reference: string, options: StartOptions, emit: Emit) => Effect.Effect<unknown, PullError>
  readonly identify: (reference: string, options: StartOptions | undefined) => Effect.Effect<Identity, PullError>
  /** The pulls that earlier programs did not finish. */
  readonly interrupted: Effect.Effect<ReadonlyArray<InterruptedPull>, unknown>
  readonly forget: (id: string) => Effect.Effect<void>
  readonly options: Some<PullsOptions> | undefined
}

interface Entry extends Identity {
  /** The reference as it was asked for. */
  readonly asked: string
  readonly options: StartOptions
  readonly startedAt?: number
  readonly views: BehaviorSubject<PullView>
  state: PullState
  endedAt?: number
  isCancelled: boolean
  fiber?: Fiber.Fiber<unknown, unknown>
}

const stopped = (view: PullView, message: string): PullView => {
  const { retry: _, remaining: _r, ...rest } = view
  const advice = "Resume it: it continues where it stopped."
  return { ...rest, phase: "failed", speed: 0, error: { message, advice, isRetryable: true } }
}

const interruptedView = ({ reference, platform, total, received }: InterruptedPull): PullView =>
  stopped({ ...initial.view, reference, platform, total, received }, "the program ended before the image was complete")

const tracked = ({ id, reference, state, startedAt, endedAt, views }: Entry): TrackedPull => ({
  id,
  reference,
  state,
  ...(startedAt === undefined ? {} : { startedAt }),
  ...(endedAt === undefined ? {} : { endedAt }),
  view: views.value
})

/** The pulls end with the scope. */
export const makePulls = Effect.fnUntraced(function* (source: PullsSource) {
  const { finished, finishedFor } = filled(defaultPulls, source.options)
  const entries = new Map<string, Entry>()
  const changes = new Subject<void>()
  // After the fibers have ended.
  yield* Effect.addFinalizer(() => Effect.sync(() => changes.complete()))
  const run = yield* FiberSet.makeRuntime()
  const lift = yield* makeLift()

  /** Forgets those that ended long ago, and the oldest of too many. */
  const evict = Effect.map(Clock.currentTimeMillis, (now) => {
    const ended = [...entries.values()]
      .filter(({ endedAt }) => endedAt !== undefined)
      .sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0))
    for (const [at, { id, endedAt = now }] of ended.entries())
      if (at >= finished || now - endedAt >= finishedFor) entries.delete(id)
  })

  const load = Effect.andThen(
    cachedSuccess(
      Effect.map(source.interrupted, (found) => {
        const known = [...entries]
        entries.clear()
        for (const pull of found) {
          const views = new BehaviorSubject(interruptedView(pull))
          const { id, reference, platform } = pull
          const entry = { id, reference, asked: reference, options: { platform }, views, isCancelled: false }
          entries.set(id, { ...entry, state: "interrupted" })
        }
        for (const [id, entry] of known) entries.set(id, entry)
      })
    ).pipe(Effect.ignore),
    evict
  )
  /** What waits when the client is closed just ends: the list completes. */
  const quietly = (effect: Effect.Effect<unknown>): Observable<never> =>
    lift(effect).pipe(
      ignoreElements(),
      catchError(() => EMPTY)
    )
  const loaded$ = quietly(load)

  const begin = (it: Pick<Entry, "id" | "reference" | "asked" | "options">): Effect.Effect<TrackedPull> =>
    Effect.gen(function* () {
      const known = entries.get(it.id)
      if (known?.state === "running") {
        if (!known.isCancelled || known.fiber === undefined) return tracked(known)
        yield* Fiber.await(known.fiber)
        return yield* begin(it)
      }
      const startedAt = yield* Clock.currentTimeMillis
      const views = new BehaviorSubject<PullView>({ ...initial.view, reference: it.reference })
      const { id, reference, asked, options } = it
      const entry: Entry = { id, reference, asked, options, startedAt, views, state: "running", isCancelled: false }
      const events = new Subject<PullEvent>()
      const showing = events.pipe(progress()).subscribe((view) => views.next({ ...view, reference }))
      const end = (exit: Exit.Exit<unknown, unknown>) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const wasCancelled = Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
          entry.state = wasCancelled ? "cancelled" : Exit.isSuccess(exit) ? "done" : "failed"
          entry.endedAt = now
          if (wasCancelled) {
            showing.unsubscribe()
            views.next(stopped(views.value, "the pull was cancelled"))
          } else if (Exit.isFailure(exit)) events.error(Cause.squash(exit.cause))
          else events.complete()
          views.complete()
          return Effect.map(evict, () => changes.next())
        })
      entries.delete(id)
      entries.set(id, entry)
      const emit: Emit = (event) => events.next(event)
      entry.fiber = run(source.pull(asked, options, emit).pipe(Effect.onExit(end), Effect.ignoreCause))
      changes.next()
      return tracked(entry)
    }).pipe(Effect.uninterruptible)

  const viewOf = (id: string): Observable<PullView> => {
    const entry = entries.get(id)
    if (entry === undefined) return EMPTY
    return entry.state === "running" ? entry.views.asObservable() : of(entry.views.value)
  }
  const list = () => [...entries.values()].map(tracked)
  /** Waits until the next one is to be forgotten. */
  const expiring$ = defer(() => {
    const ends = [...entries.values()].flatMap(({ endedAt }) => (endedAt === undefined ? [] : [endedAt]))
    if (ends.length === 0) return EMPTY
    const next = Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.sleep(Math.max(0, Math.min(...ends) + finishedFor - now))
    )
    return quietly(
      Effect.andThen(
        next,
        Effect.map(evict, () => changes.next())
      )
    )
  })

  const pulls: PullsEffect = {
    start: (asked, options = {}) =>
      Effect.flatMap(source.identify(asked, options), (identity) =>
        Effect.andThen(evict, begin({ ...identity, asked, options }))
      ),
    list$: concat(
      loaded$,
      changes.pipe(
        startWith(undefined),
        switchMap(() => merge(of(list()), expiring$))
      )
    ),
    get: (id) =>
      Effect.map(load, () => {
        const entry = entries.get(id)
        return entry === undefined ? undefined : tracked(entry)
      }),
    view$: (id) =>
      defer(() =>
        entries.has(id)
          ? viewOf(id)
          : concat(
              loaded$,
              defer(() => viewOf(id))
            )
      ),
    cancel: (id) =>
      Effect.suspend(() => {
        const entry = entries.get(id)
        if (entry?.state !== "running" || entry.fiber === undefined) return Effect.void
        entry.isCancelled = true
        return Fiber.interrupt(entry.fiber)
      }),
    resume: (id) =>
      Effect.flatMap(load, () => {
        const entry = entries.get(id)
        return entry === undefined ? Effect.succeed(undefined) : begin(entry)
      }),
    forget: (id) =>
      Effect.flatMap(load, () => {
        if (entries.get(id)?.state === "running") return Effect.void
        return Effect.map(source.forget(id), () => {
          if (entries.delete(id)) changes.next()
        })
      })
  }
  return pulls
})
