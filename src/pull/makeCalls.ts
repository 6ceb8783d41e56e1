/** What the calls of a puller, and of a registry reader, have in common beyond `call.ts`: their services, and `timeouts.total`. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import { concatMap, lastValueFrom, type Observable, takeUntil, tap, throwError, toArray } from "rxjs"
import { defaultTimeouts, filled, type PullerOptions, type Watching } from "../api/config.ts"
import { DeadlineExceeded, isReason, type Reason } from "../api/errors.ts"
import type { Emit } from "../api/events.ts"
import type { FunctionName } from "../api/options/checkOptions.ts"
import { awaitTeardowns, drain, makeLift, PendingTeardowns, scoped$ } from "../reactive/bridge.ts"
import { naming, naming$, watched, watched$ } from "./call.ts"
import { PullEvents } from "./events/PullEvents.ts"

/** The options of a call without its listener and its signal. */
export type CallOptions<A extends Watching> = Omit<A, keyof Watching>

/** `S`: the services that every step may need. */
export const makeCalls = Effect.fnUntraced(function* <S>(
  context: Context.Context<S>,
  timeouts: PullerOptions["timeouts"]
) {
  const lift = yield* makeLift()
  const pending = yield* PendingTeardowns
  const { total } = filled(defaultTimeouts, timeouts)
  const late = () => new DeadlineExceeded({ millis: total })

  /** Applies `timeouts.total` to each caller, even if several share one pull. */
  const inTime = <A, R>(effect: Effect.Effect<A, Reason, R>): Effect.Effect<A, Reason, R> =>
    Number.isFinite(total)
      ? Effect.timeoutOrElse(effect, { duration: total, orElse: () => Effect.fail(late()) })
      : effect
  const inTime$ = <A>(source: Observable<A>): Observable<A> =>
    Number.isFinite(total)
      ? source.pipe(takeUntil(lift(Effect.sleep(total)).pipe(concatMap(() => throwError(late)))))
      : source

  /** A step with its services. */
  const provided = <A, E, R>(step: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, S>> =>
    Effect.provideContext(step, context)

  const call = <A extends Watching, B, R extends S | Scope.Scope>(
    name: FunctionName,
    reference: string,
    given: A | undefined,
    listen: Emit | undefined,
    use: (options: CallOptions<A>) => Effect.Effect<B, Reason, R>
  ) => watched(name, given, listen, (options) => inTime(Effect.scoped(use(options)))).pipe(provided, naming(reference))

  /** What a step opens, as long as somebody is subscribed. */
  const opened$ = <A>(step: Effect.Effect<Observable<A>, Reason, S | Scope.Scope>, emit: Emit): Observable<A> =>
    scoped$(lift, provided(Effect.provideService(step, PullEvents, emit)), (sequence$) => sequence$)

  const list$ = <A extends Watching, B>(
    name: FunctionName,
    reference: string,
    given: A | undefined,
    listing: (options: CallOptions<A>) => Effect.Effect<Observable<B>, Reason, S | Scope.Scope>
  ) => watched$(name, given, (options, emit) => opened$(listing(options), emit)).pipe(inTime$, naming$(reference))

  const list = <A extends Watching, B>(
    name: FunctionName,
    reference: string,
    given: A | undefined,
    listen: Emit | undefined,
    listing: (options: CallOptions<A>) => Effect.Effect<Observable<B>, Reason, S | Scope.Scope>
  ) =>
    call(name, reference, given, listen, (options) =>
      listing(options).pipe(
        Effect.flatMap((list$) => drain(isReason)(list$.pipe(toArray()))),
        Effect.map((all = []): ReadonlyArray<B> => all)
      )
    )

  /** A list whose values are handed on as they come. */
  const listTo = <A extends Watching, B>(
    name: FunctionName,
    reference: string,
    given: A | undefined,
    next: (value: B) => void,
    listing: (options: CallOptions<A>) => Effect.Effect<Observable<B>, Reason, S | Scope.Scope>
  ) =>
    call(name, reference, given, undefined, (options) =>
      listing(options).pipe(
        Effect.flatMap((list$) => drain(isReason)(list$.pipe(tap(next)))),
        Effect.asVoid
      )
    )

  const settled = awaitTeardowns(pending)
  return {
    lift,
    inTime,
    provided,
    call,
    opened$,
    list$,
    list,
    listTo,
    settled,
    /** For what is iterated, which has no Effect to wait in. */
    whenSettled: () => lastValueFrom(lift(settled))
  }
})

/** The calls of one puller or reader. */
export type Calls<S> = Effect.Success<ReturnType<typeof makeCalls<S>>>

/** Gives what is made a set of pending teardowns of its own. */
export const withPendingTeardowns = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => Effect.provideService(effect, PendingTeardowns, new Set<Fiber.Fiber<unknown, unknown>>()))
