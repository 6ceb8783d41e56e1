/** The crossings between Effect, which owns lifetimes, and RxJS, which owns sequences. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import { Observable } from "../seams/rxjs.ts"
import { operate } from "./operate.ts"

/** Runs an Effect for each subscription; unsubscribing interrupts it. */
export type Lift<R = never> = <A, E>(effect: Effect.Effect<A, E, R>) => Observable<A>

/** The same with the services of a caller: its clock, its tracer, the span that it is in. */
export const liftWithContext = (lift: Lift, context: Context.Context<never> | undefined): Lift =>
  context === undefined ? lift : (effect) => lift(Effect.provideContext(effect, context))

/** Work whose subscriber has left, and which is not over yet. */
export const PendingTeardowns = Context.Reference<Set<Fiber.Fiber<unknown, unknown>>>(
  "ociflow/reactive/PendingTeardowns",
  {
    defaultValue: () => new Set()
  }
)

/** Resolves when all subscriptions cancelled so far have ended. */
export const awaitTeardowns = (leaving: ReadonlySet<Fiber.Fiber<unknown, unknown>>): Effect.Effect<void> =>
  Effect.suspend(() => Effect.asVoid(Fiber.awaitAll([...leaving])))

/** Interrupted from outside, not by its subscriber: the scope is closing. */
export const errorOf = (cause: Cause.Cause<unknown>): unknown =>
  Cause.hasInterruptsOnly(cause) ? new DOMException("the client was closed", "AbortError") : Cause.squash(cause)

/**
 * Effect → Observable. An RxJS teardown cannot be awaited, so the fibers belong to the enclosing scope: closing it
 * waits until every interrupted fiber has run its finalizers.
 */
export const makeLift = <R = never>(): Effect.Effect<Lift<R>, never, Scope.Scope | R> =>
  Effect.map(
    Effect.all([FiberSet.makeRuntime<R>(), PendingTeardowns]),
    ([run, leaving]) =>
      <A, E>(effect: Effect.Effect<A, E, R>) =>
        new Observable<A>((subscriber) => {
          const fiber = run(effect)
          fiber.addObserver(
            Exit.match({
              onFailure: (cause) => subscriber.error(errorOf(cause)),
              onSuccess: (value) => {
                subscriber.next(value)
                subscriber.complete()
              }
            })
          )
          return () => {
            if (fiber.pollUnsafe() !== undefined) return
            leaving.add(fiber)
            fiber.addObserver(() => leaving.delete(fiber))
            fiber.interruptUnsafe()
          }
        })
  )

/** Observable → Effect. Interruption unsubscribes; errors that `is` knows are typed, all others are defects. */
export const drain =
  <E>(is: (u: unknown) => u is E) =>
  <A>(source: Observable<A>): Effect.Effect<A | undefined, E> =>
    Effect.callback((resume) => {
      let last: A | undefined
      const subscription = source.subscribe({
        next: (value) => {
          last = value
        },
        complete: () => resume(Effect.succeed(last)),
        error: (error) => resume(is(error) ? Effect.fail(error) : Effect.die(error))
      })
      return Effect.sync(() => subscription.unsubscribe())
    })

/** What an Effect emits while it runs, and then how it ended. Its scope closes before the sequence ends. */
export const emitting = <A>(
  lift: Lift,
  run: (next: (value: A) => void) => Effect.Effect<unknown, unknown, Scope.Scope>
): Observable<A> =>
  new Observable((subscriber) =>
    lift(Effect.scoped(run((value) => subscriber.next(value)))).subscribe(
      operate({ destination: subscriber, next: () => undefined })
    )
  )

/** Runs a sequence to its end; each value is handed to `next`. All errors are typed. */
export const drainTo = <A>(source: Observable<A>, next: (value: A) => void): Effect.Effect<void, unknown> =>
  Effect.callback((resume) => {
    const subscription = source.subscribe({
      next,
      complete: () => resume(Effect.void),
      error: (error) => resume(Effect.fail(error))
    })
    return Effect.sync(() => subscription.unsubscribe())
  })

/** A sequence out of something that is open as long as somebody is subscribed. */
export const scoped$ = <A, B, E>(
  lift: Lift,
  acquire: Effect.Effect<A, E, Scope.Scope>,
  use: (a: A) => Observable<B>
): Observable<B> => emitting(lift, (next) => Effect.flatMap(acquire, (a) => drainTo(use(a), next)))

/** What an Effect emits as it runs, and at its end what `last` makes of its result and of the value before. */
export const eventsOf = <A, B>(
  lift: Lift,
  run: (emit: (value: A) => void) => Effect.Effect<B, unknown>,
  last: (before: A | undefined, result: B) => A | undefined
): Observable<A> =>
  new Observable((sink) => {
    let before: A | undefined
    const emit = (value: A) => {
      before = value
      sink.next(value)
    }
    return lift(run(emit)).subscribe({
      next: (result) => {
        const value = last(before, result)
        if (value !== undefined) sink.next(value)
      },
      error: (error) => sink.error(error),
      complete: () => sink.complete()
    })
  })
