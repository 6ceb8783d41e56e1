/** Builds a `Puller` out of network, worker threads and store. Loaded when the first one is built, not before. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { catchError, concatMap, defer, Observable, takeUntil, throwError, toArray } from "rxjs"
import {
  defaultLimits,
  defaultTimeouts,
  type EntriesOptions,
  filled,
  type HoldOptions,
  type ListOptions,
  type LookOptions,
  type ManifestOptions,
  type PruneOptions,
  type PullerOptions,
  type PullOptions,
  type ReferrersOptions,
  type VerifyOptions
} from "../api/config.ts"
import { DeadlineExceeded, isReason, NotCached, PullError, type Reason } from "../api/errors.ts"
import type { Emit, PullEvent } from "../api/events.ts"
import { checkOptions, type FunctionName, invalidOption, optionsOf } from "../api/options/checkOptions.ts"
import { calledAt, callSite } from "../api/tagged.ts"
import { telling } from "../api/telling.ts"
import { nameOf } from "../image/reference/LocalReference.ts"
import { extractionOf, variantOf } from "../layer/Extraction.ts"
import { layouts } from "../layer/layout/layouts.ts"
import { ExtractionPool } from "../layer/pool/ExtractionPool.ts"
import { drain, lifting, scoped$ } from "../reactive/bridge.ts"
import { Registry } from "../registry/Registry.ts"
import { makeOpenSource } from "../source/Origin.ts"
import { Blobs } from "../store/blobs/Blobs.ts"
import { Catalogue } from "../store/catalogue/Catalogue.ts"
import { type Store, storeLayer } from "../store/Store.ts"
import { Staging } from "../store/trees/Staging.ts"
import { Upkeep } from "../store/upkeep/Upkeep.ts"
import { entriesOf } from "./entries.ts"
import { SharedWork } from "./flights/SharedWork.ts"
import { holdImage } from "./holdImage.ts"
import { ImageSources } from "./ImageSources.ts"
import { readManifest, referrersOf, resolveReference, tagsOf } from "./lookup.ts"
import { PullEvents } from "./PullEvents.ts"
import { pull } from "./pull.ts"
import { compareTrees } from "./verify/compareTrees.ts"
import { repair } from "./verify/repair.ts"

/** What the steps of a pull need. */
type Services = ExtractionPool | ImageSources | Registry | SharedWork | Store

const silent: Emit = () => {}

const storeName = "(store)"

/** Gives a reason the reference that was asked for, and the stack of who asked: it is called where the caller calls. */
const naming = (reference: string) => {
  const site = callSite(naming)
  return <A, R>(effect: Effect.Effect<A, Reason, R>): Effect.Effect<A, PullError, R> =>
    Effect.mapError(effect, (reason) => calledAt(new PullError({ reference, reason }), site))
}

/** The same for a sequence. */
const naming$ = (reference: string) => {
  const site = callSite(naming$)
  return <A>(source: Observable<A>): Observable<A> =>
    source.pipe(
      catchError((error) => {
        const failure = isReason(error) ? new PullError({ reference, reason: error }) : error
        return throwError(() => (failure instanceof PullError ? calledAt(failure, site) : failure))
      })
    )
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

const sources = ({ limits }: PullerOptions): Layer.Layer<ImageSources, never, Registry | Staging> =>
  Layer.effect(
    ImageSources,
    Effect.gen(function* () {
      const registry = yield* Registry
      const { stage } = yield* Staging
      const lift = yield* lifting()
      return makeOpenSource({ registry, lift, limits: filled(defaultLimits, limits), directory: stage })
    })
  )

const services = (options: PullerOptions, emit: Emit): Layer.Layer<Services, Reason> => {
  const extraction = extractionOf(options)
  const trees = { variant: variantOf(extraction), merged: layouts[extraction.layout].isMerged }
  // Each ends before what it needs does.
  return SharedWork.layer(options).pipe(
    Layer.provideMerge(sources(options)),
    Layer.provideMerge(
      Layer.mergeAll(
        Registry.layer(options),
        ExtractionPool.layer({ ...options, ...extraction }),
        storeLayer({ ...options, ...trees, emit })
      )
    )
  )
}

const make = Effect.fnUntraced(function* (given: PullerOptions) {
  const options = yield* checkOptions<PullerOptions>("open", given)
  // The catalogue warns whoever is pulling while it opens.
  const listeners = new Set<Emit>()
  const context = yield* Layer.build(
    services(options, (event) => {
      for (const listener of listeners) listener(event)
    })
  )
  const blobs = Context.get(context, Blobs)
  const catalogue = Context.get(context, Catalogue)
  const upkeep = Context.get(context, Upkeep)
  const lift = yield* lifting()

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

  /** A step with its services, and with whoever listens to its events. */
  const provided =
    (listen: Emit) =>
    <A, E, R>(step: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, Services>> =>
      step.pipe(Effect.provideService(PullEvents, telling(listen)), Effect.provideContext(context))
  const sequence$ = <A>(step: Effect.Effect<Observable<A>, Reason, Services | Scope.Scope>) =>
    scoped$(lift, provided(silent)(step), (sequence$) => sequence$)
  const collected = <A, R>(listing: Effect.Effect<Observable<A>, Reason, R>) =>
    listing.pipe(
      Effect.flatMap((list$) => drain(isReason)(list$.pipe(toArray()))),
      Effect.map((all = []): ReadonlyArray<A> => all),
      Effect.scoped,
      inTime
    )

  const pullInTime = (reference: string, options: PullOptions) =>
    Effect.flatMap(PullEvents, (emit) =>
      Effect.acquireUseRelease(
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
        () => inTime(pull(reference, options)),
        (listener) => Effect.sync(() => listeners.delete(listener))
      )
    )
  const pulling = (reference: string, options?: PullOptions, listen = silent) =>
    checked("pull", options, (options) => pullInTime(reference, options)).pipe(provided(listen), naming(reference))

  const images = Effect.fnUntraced(function* (options: ListOptions) {
    const after = options.after === undefined ? undefined : yield* nameOf(options.after)
    return yield* catalogue.images({ ...options, after })
  })

  return {
    pull: pulling,
    pull$: (reference: string, options?: PullOptions) =>
      new Observable<PullEvent>((events) =>
        // After a turn: a subscriber may want to use its subscription in the very first event.
        lift(
          Effect.andThen(
            Effect.yieldNow,
            pulling(reference, options, (event) => events.next(event))
          )
        ).subscribe({
          error: (error) => events.error(error),
          complete: () => events.complete()
        })
      ).pipe(naming$(reference)),
    entries$: (reference: string, options?: EntriesOptions) =>
      checked$("entries$", options, (options) => sequence$(entriesOf(reference, options))).pipe(naming$(reference)),
    resolve: (reference: string, options?: LookOptions, emit = silent) =>
      checked("resolve", options, (options) => inTime(resolveReference(reference, options))).pipe(
        provided(emit),
        naming(reference)
      ),
    manifest: (reference: string, options?: ManifestOptions, emit = silent) =>
      checked("manifest", options, (options) => inTime(readManifest(reference, options))).pipe(
        provided(emit),
        naming(reference)
      ),
    tags$: (reference: string, options?: LookOptions) =>
      checked$("tags", options, (options) => sequence$(tagsOf(reference, options))).pipe(inTime$, naming$(reference)),
    tags: (reference: string, options?: LookOptions, emit = silent) =>
      checked("tags", options, (options) => collected(tagsOf(reference, options))).pipe(
        provided(emit),
        naming(reference)
      ),
    referrers$: (reference: string, options?: ReferrersOptions) =>
      checked$("referrers", options, (options) => sequence$(referrersOf(reference, options))).pipe(
        inTime$,
        naming$(reference)
      ),
    referrers: (reference: string, options?: ReferrersOptions, emit = silent) =>
      checked("referrers", options, (options) => collected(referrersOf(reference, options))).pipe(
        provided(emit),
        naming(reference)
      ),
    images: (options?: ListOptions) => naming(storeName)(checked("images", options, images)),
    // Those without options: who gives some means something by it.
    inspect: (reference: string, options?: object) =>
      checked("inspect", options, () => Effect.flatMap(nameOf(reference), catalogue.inspect)).pipe(
        Effect.flatMap(Option.match({ onSome: Effect.succeed, onNone: () => Effect.fail(notPulled()) })),
        naming(reference)
      ),
    remove: (reference: string, options?: object) =>
      checked("remove", options, () => Effect.flatMap(nameOf(reference), upkeep.remove)).pipe(
        Effect.filterOrFail(({ images }) => images.length > 0, notPulled),
        naming(reference)
      ),
    prune: (options?: PruneOptions) => naming(storeName)(checked("prune", options, upkeep.prune)),
    hold: (reference: string, options?: HoldOptions) =>
      checked("hold", options, (options) => holdImage(reference, options)).pipe(provided(silent), naming(reference)),
    kept: (digests: ReadonlyArray<string>) => naming(storeName)(blobs.partialsOf(digests)),
    usage: naming(storeName)(upkeep.usage),
    verify: (options?: VerifyOptions, emit = silent) =>
      checked("verify", options, ({ repair: isRepair = false }) =>
        isRepair ? repair(pullInTime) : Effect.map(compareTrees, (compared) => ({ ...compared, repaired: [] }))
      ).pipe(provided(emit), naming(storeName))
  }
})

export const makePuller = (options: PullerOptions) =>
  Effect.mapError(make(options), (reason) => new PullError({ reference: "(open)", reason }))
