/**
 * What surrounds each call of a puller: its options are checked, its listeners hear its events, its signal ends it, and its
 * errors name the reference and the caller's line.
 */
import { AsyncResource } from "node:async_hooks"
import * as Effect from "effect/Effect"
import { catchError, defer, type Observable, throwError } from "rxjs"
import type { Watching } from "../api/config.ts"
import { isReason, PullError, type Reason } from "../api/errors.ts"
import type { Emit } from "../api/events.ts"
import { checkOptions, type FunctionName, invalidOption } from "../api/options/checkOptions.ts"
import { sanitizeEvents } from "../api/sanitizeEvents.ts"
import { calledAt, callSite } from "../api/taggedError.ts"
import { abortable } from "../reactive/abortable.ts"
import { abortable$ } from "../reactive/abortableSequence.ts"
import { withListener, withoutListener } from "./events/withListener.ts"

const silent: Emit = () => {}

/**
 * Makes a reason a `PullError` with the requested reference and the caller's stack, so it must be called in the
 * caller's own call.
 */
export const naming = (reference: string) => {
  const site = callSite(naming)
  return <A, R>(effect: Effect.Effect<A, Reason, R>): Effect.Effect<A, PullError, R> =>
    Effect.mapError(effect, (reason) => calledAt(new PullError({ reference, reason }), site))
}

/** The same for an error that is not an Effect's. Anything but a reason is returned unchanged. */
export const namingError = (reference: string) => namedFrom(reference, callSite(namingError))

const namedFrom =
  (reference: string, site: ReturnType<typeof callSite>) =>
  (error: unknown): unknown => {
    const failure = isReason(error) ? new PullError({ reference, reason: error }) : error
    return failure instanceof PullError ? calledAt(failure, site) : failure
  }

/** The same for a sequence. */
export const naming$ = (reference: string) => {
  const named = namedFrom(reference, callSite(naming$))
  return <A>(source: Observable<A>): Observable<A> => source.pipe(catchError((error) => throwError(() => named(error))))
}

/** A listener that calls both; either can be absent. */
const both = (one: Emit | undefined, other: Emit | undefined): Emit | undefined =>
  one === undefined || other === undefined
    ? (one ?? other)
    : (event) => {
        one(event)
        other(event)
      }

/** Checks the options, then runs `use` with the call's listeners, until its signal aborts. */
export const watched = <A extends Watching, B, R>(
  name: FunctionName,
  given: A | undefined,
  listen: Emit | undefined,
  use: (options: Omit<A, keyof Watching>) => Effect.Effect<B, Reason, R>
): Effect.Effect<B, Reason, R> =>
  Effect.flatMap(checkOptions(name, given), (options) =>
    use(withoutListener(options)).pipe(withListener(both(listen, options.onEvent)), abortable(options.signal))
  )

export const watched$ = <A extends Watching, B>(
  name: FunctionName,
  given: A | undefined,
  use: (options: Omit<A, keyof Watching>, emit: Emit) => Observable<B>
): Observable<B> =>
  defer(() => {
    const invalid = invalidOption(name, given)
    if (invalid !== undefined) return throwError(() => invalid)
    const options = given ?? ({} as A)
    const emit = options.onEvent === undefined ? silent : AsyncResource.bind(sanitizeEvents(options.onEvent))
    return use(withoutListener(options), emit).pipe(abortable$(options.signal))
  })
