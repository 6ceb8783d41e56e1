/** Builds a `Puller` out of network, worker threads and store. Loaded when the first one is built, not before. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { catchError, concatMap, defer, Observable, takeUntil, throwError, toArray } from "rxjs"
import { defaultLimits, defaultTimeouts, filled, type ListOptions, type PullerOptions } from "../api/config.ts"
import { DeadlineExceeded, isReason, NotCached, PullError, type Reason } from "../api/errors.ts"
import type { Emit, PullEvent } from "../api/events.ts"
import { checkOptions, type FunctionName, invalidOption, optionsOf } from "../api/options/checkOptions.ts"
import { calledAt, callSite } from "../api/tagged.ts"
import { telling } from "../api/telling.ts"
import { nameOf } from "../image/reference/LocalReference.ts"
import { extractionOf, variantOf } from "../layer/Extraction.ts"
import { layouts } from "../layer/layout/layouts.ts"
import { ExtractionPool } from "../layer/pool/ExtractionPool.ts"
import type { Puller } from "../Puller.ts"
import { drain, lifting } from "../reactive/bridge.ts"
import type { ListOptions as AskingOptions } from "../registry/lists.ts"
import { Registry } from "../registry/Registry.ts"
import { makeOpenSource } from "../source/Origin.ts"

import { Store } from "../store/Store.ts"
import { hold } from "./holdImage.ts"
import { makeLook } from "./lookup.ts"
import { makePull } from "./pull.ts"
import { compareTrees } from "./verify/compareTrees.ts"
import { repair } from "./verify/repair.ts"

const silent: Emit = () => {}

/** Gives a reason the reference that was asked for, and the stack of who asked: it is called where the caller calls. */
const naming = (reference: string) => {
  const site = callSite(naming)
  return <A, R>(effect: Effect.Effect<A, Reason, R>): Effect.Effect<A, PullError, R> =>
    Effect.mapError(effect, (reason) => calledAt(new PullError({ reference, reason }), site))
}

/** Does nothing before the options are right. */
const checked = <A extends object, B, R>(
  name: FunctionName,
  options: A | undefined,
  use: (options: A) => Effect.Effect<B, Reason, R>
): Effect.Effect<B, Reason, R> => Effect.flatMap(checkOptions(name, options), use)

const checked$ = <A extends object, B>(
  name: FunctionName,
  options: A | undefined,
  use: (options: A) => Observable<B>
): Observable<B> =>
  defer(() => {
    const invalid = invalidOption(optionsOf[name], options)
    return invalid === undefined ? use(options ?? ({} as A)) : throwError(() => invalid)
  })

const notPulled = () => new NotCached({ platform: "any platform", problem: "it was not pulled" })

const make = (tag: typeof Puller, options: PullerOptions, listeners: Set<Emit>) =>
  Effect.gen(function* () {
    const store = yield* Store
    const pool = yield* ExtractionPool
    const lift = yield* lifting()
    const registry = yield* Registry
    const limits = filled(defaultLimits, options.limits)
    const sources = makeOpenSource({ registry, lift, limits, directory: store.scratch })
    const way = yield* makePull(options, sources, lift)
    const look = makeLook({ registry, sources, lift })
    const comparing = compareTrees(store, pool)

    const { total } = filled(defaultTimeouts, options.timeouts)
    const late = () => new DeadlineExceeded({ millis: total })
    /** Each caller has his own time, also where several share one pull. */
    const inTime = <A, R>(effect: Effect.Effect<A, Reason, R>): Effect.Effect<A, Reason, R> =>
      Number.isFinite(total)
        ? Effect.timeoutOrElse(effect, { duration: total, orElse: () => Effect.fail(late()) })
        : effect
    const inTime$ = <A>(source: Observable<A>): Observable<A> =>
      Number.isFinite(total)
        ? source.pipe(takeUntil(lift(Effect.sleep(total)).pipe(concatMap(() => throwError(late)))))
        : source

    /** The same for a sequence. */
    const named = (reference: string) => {
      const site = callSite(named)
      return <A>(source: Observable<A>): Observable<A> =>
        source.pipe(
          catchError((error) => {
            const failure = isReason(error) ? new PullError({ reference, reason: error }) : error
            return throwError(() => (failure instanceof PullError ? calledAt(failure, site) : failure))
          })
        )
    }
    const collected = <A>(
      reference: string,
      list: (asking: AskingOptions) => Observable<A>,
      emit: Emit
    ): Effect.Effect<ReadonlyArray<A>, PullError> =>
      Effect.context<never>().pipe(
        Effect.flatMap((context) => drain(isReason)(list({ emit: telling(emit), context }).pipe(toArray()))),
        Effect.map((all = []) => all),
        inTime,
        naming(reference)
      )

    const pull: Puller["Service"]["pull"] = (reference, options, listen = silent) => {
      const name = naming(reference)
      const emit = telling(listen)
      return Effect.acquireUseRelease(
        Effect.sync(() => {
          // One of its own for each pull, whatever function it was given. What it throws is no other pull's failure.
          const listener: Emit = (event) => {
            try {
              emit(event)
            } catch {
              listeners.delete(listener)
            }
          }
          listeners.add(listener)
          return listener
        }),
        () => name(checked("pull", options, (options) => inTime(way.pull(reference, options, emit)))),
        (listener) => Effect.sync(() => listeners.delete(listener))
      )
    }

    const images = Effect.fnUntraced(function* (options: ListOptions) {
      const after = options.after === undefined ? undefined : yield* nameOf(options.after)
      return yield* store.images({ ...options, after })
    })

    return tag.of({
      pull,
      pull$: (reference, options) =>
        new Observable<PullEvent>((events) =>
          // After a turn: a subscriber may want to use its subscription in the very first event.
          lift(
            Effect.andThen(
              Effect.yieldNow,
              pull(reference, options, (event) => events.next(event))
            )
          ).subscribe({
            error: (error) => events.error(error),
            complete: () => events.complete()
          })
        ).pipe(named(reference)),
      entries$: (reference, options) =>
        checked$("entries$", options, (options) => way.entries$(reference, options)).pipe(named(reference)),
      resolve: (reference, options, emit = silent) =>
        naming(reference)(
          checked("resolve", options, (options) => inTime(look.resolve(reference, options, telling(emit))))
        ),
      manifest: (reference, options, emit = silent) =>
        naming(reference)(
          checked("manifest", options, (options) => inTime(look.manifest(reference, options, telling(emit))))
        ),
      tags$: (reference, options) =>
        checked$("tags", options, (options) => look.tags$(reference, options, { emit: silent })).pipe(
          inTime$,
          named(reference)
        ),
      tags: (reference, options, emit = silent) =>
        collected(
          reference,
          (asking) => checked$("tags", options, (options) => look.tags$(reference, options, asking)),
          emit
        ),
      referrers$: (reference, options) =>
        checked$("referrers", options, (options) => look.referrers$(reference, options, { emit: silent })).pipe(
          inTime$,
          named(reference)
        ),
      referrers: (reference, options, emit = silent) =>
        collected(
          reference,
          (asking) => checked$("referrers", options, (options) => look.referrers$(reference, options, asking)),
          emit
        ),
      images: (options) => naming("(store)")(checked("images", options, images)),
      // Those without options: who gives some means something by it.
      inspect: (reference: string, options?: object) =>
        checked("inspect", options, () => Effect.flatMap(nameOf(reference), store.inspect)).pipe(
          Effect.flatMap(Option.match({ onSome: Effect.succeed, onNone: () => Effect.fail(notPulled()) })),
          naming(reference)
        ),
      remove: (reference: string, options?: object) =>
        checked("remove", options, () => Effect.flatMap(nameOf(reference), store.remove)).pipe(
          Effect.filterOrFail(({ images }) => images.length > 0, notPulled),
          naming(reference)
        ),
      prune: (options) => naming("(store)")(checked("prune", options, store.prune)),
      hold: (reference, options) =>
        naming(reference)(checked("hold", options, (options) => hold(store, reference, options))),
      kept: (digests) => naming("(store)")(store.kept(digests)),
      usage: naming("(store)")(store.usage),
      verify: (options, emit = silent) =>
        checked("verify", options, ({ repair: isRepair = false }) =>
          isRepair
            ? repair(store, comparing, pull, emit)
            : Effect.map(comparing, (compared) => ({ ...compared, repaired: [] }))
        ).pipe(naming("(store)"))
    })
  })

/** `tag` is handed in: whoever loads this is loaded before it. */
export const assemble = (tag: typeof Puller, options: PullerOptions): Layer.Layer<Puller, PullError> => {
  // The catalogue warns whoever is pulling while it opens.
  const listeners = new Set<Emit>()
  const emit: Emit = (event) => {
    for (const listener of listeners) listener(event)
  }
  const building = Effect.map(checkOptions<PullerOptions>("open", options), (options) => {
    const extraction = extractionOf(options)
    const trees = { variant: variantOf(extraction), merged: layouts[extraction.layout].isMerged }
    return Layer.effect(tag, make(tag, options, listeners)).pipe(
      Layer.provide([
        Registry.layer(options),
        ExtractionPool.layer({ ...options, ...extraction }),
        Store.layer({ ...options, ...trees, emit })
      ])
    )
  })
  return Layer.unwrap(building).pipe(
    Layer.catch((reason) => Layer.effect(tag, Effect.fail(new PullError({ reference: "(open)", reason }))))
  )
}
