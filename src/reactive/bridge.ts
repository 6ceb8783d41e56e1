/** The crossings between Effect, which owns lifetimes, and RxJS, which owns sequences. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
// By its own path: the library's import does not load all of rxjs.
import { Observable } from "rxjs/internal/Observable"

/** Runs an Effect for each subscription; unsubscribing interrupts it. */
export type Lift<R = never> = <A, E>(effect: Effect.Effect<A, E, R>) => Observable<A>

/** Interrupted from outside, not by its subscriber: the scope is closing. */
export const errorOf = (cause: Cause.Cause<unknown>): unknown =>
  Cause.hasInterruptsOnly(cause) ? new DOMException("the client was closed", "AbortError") : Cause.squash(cause)

/**
 * Effect → Observable. An RxJS teardown cannot be awaited, so the fibers belong to the enclosing scope: closing it
 * waits until every interrupted fiber has run its finalizers.
 */
export const lifting = <R = never>(): Effect.Effect<Lift<R>, never, Scope.Scope | R> =>
  Effect.map(
    FiberSet.makeRuntime<R>(),
    (run) =>
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
          return () => fiber.interruptUnsafe()
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

/** A sequence out of something that is open as long as somebody is subscribed. */
export const scoped$ = <A, B, E>(
  lift: Lift,
  acquire: Effect.Effect<A, E, Scope.Scope>,
  use: (a: A) => Observable<B>
): Observable<B> =>
  new Observable((sink) => {
    const handing = (source: Observable<B>) =>
      new Observable<never>((over) =>
        source.subscribe({
          next: (value) => sink.next(value),
          error: (error) => over.error(error),
          complete: () => over.complete()
        })
      )
    const run = Effect.flatMap(acquire, (a) => drain((_): _ is unknown => true)(handing(use(a))))
    return lift(Effect.scoped(run)).subscribe({
      error: (error) => sink.error(error),
      complete: () => sink.complete()
    })
  })
