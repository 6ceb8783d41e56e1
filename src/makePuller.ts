/** Builds a `Puller` from network, worker threads and store. Loaded only when the first one is built. */
import { AsyncResource } from "node:async_hooks"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import {
  concat,
  concatMap,
  lastValueFrom,
  NEVER,
  Observable,
  type ObservableInput,
  of,
  takeUntil,
  tap,
  throwError,
  toArray
} from "rxjs"
import {
  type ArtifactOptions,
  type BlobOptions,
  type ConfigOptions,
  defaultLimits,
  defaultTimeouts,
  type EntriesOptions,
  filled,
  type HoldOptions,
  type ListDirectoryOptions,
  type ListOptions,
  type LookOptions,
  type ManifestOptions,
  type PruneOptions,
  type PullerOptions,
  type PullOptions,
  type ReadFileOptions,
  type ReferrersOptions,
  type TreeOptions,
  type VerifyOptions,
  type Watching
} from "./api/config.ts"
import { DeadlineExceeded, isReason, NotCached, PullError, type Reason } from "./api/errors.ts"
import type { Emit, PullEvent } from "./api/events.ts"
import { checkOptions } from "./api/options/checkOptions.ts"
import type { Referrer } from "./api/results/Lookup.ts"
import { LogWarnings } from "./api/sanitizeEvents.ts"
import { useAssets } from "./assets.ts"
import type { EntryCursor } from "./layer/EntryCursor.ts"
import { extractionOf, variantOf } from "./layer/ExtractionOptions.ts"
import { layouts } from "./layer/layout/layouts.ts"
import { ExtractionPool } from "./layer/pool/ExtractionPool.ts"
import { naming, naming$, namingError, watched, watched$ } from "./pull/call.ts"
import { PullEvents } from "./pull/events/PullEvents.ts"
import { SharedWork } from "./pull/flights/SharedWork.ts"
import { holdImage } from "./pull/holdImage.ts"
import { ImageSources } from "./pull/ImageSources.ts"
import { readManifest, referrersOf, resolveReference, tagsOf } from "./pull/lookup.ts"
import { pull } from "./pull/pull.ts"
import { compareTrees } from "./pull/verify/compareTrees.ts"
import { repair } from "./pull/verify/repair.ts"
import { awaitTeardowns, drain, makeLift, PendingTeardowns, scoped$ } from "./reactive/bridge.ts"
import { Gate } from "./reactive/Gate.ts"
import type { ArtifactEffect } from "./read/artifact/ArtifactFunction.ts"
import { readArtifact } from "./read/artifact/readArtifact.ts"
import type { BlobFunction } from "./read/blob/BlobFunction.ts"
import { blobOf } from "./read/blob/blobOf.ts"
import { concatGated } from "./read/blob/concatGated.ts"
import { iterateGated } from "./read/blob/iterateGated.ts"
import { concatNext } from "./read/entries/concatNext.ts"
import type { EntriesFunction, Entry, ReadFileFunction, TreeFunction } from "./read/entries/Entry.ts"
import { entriesOf } from "./read/entries/entriesOf.ts"
import { iterateEntries } from "./read/entries/iterateEntries.ts"
import type { EntryOrigin, ReadEntry } from "./read/entries/makeEntry.ts"
import { pushEntries } from "./read/entries/pushEntries.ts"
import { readConfig } from "./read/readConfig.ts"
import { listOf, readFileOf } from "./read/tree/readPath.ts"
import { treeOf } from "./read/tree/treeOf.ts"
import { Registry } from "./registry/Registry.ts"
import { nameOf } from "./source/file/LocalReference.ts"
import { makeOpenSource } from "./source/Origin.ts"
import { Blobs } from "./store/blobs/Blobs.ts"
import { Catalogue } from "./store/catalogue/Catalogue.ts"
import { type Store, storeLayer } from "./store/Store.ts"
import { Staging } from "./store/trees/Staging.ts"
import { Upkeep } from "./store/upkeep/Upkeep.ts"

/** What the steps of a pull need. */
type Services = ExtractionPool | ImageSources | Registry | SharedWork | Store

const storeName = "(store)"

const notPulled = () => new NotCached({ platform: "any platform", problem: "it was not pulled" })

const sources = ({ limits }: PullerOptions): Layer.Layer<ImageSources, never, Registry | Staging> =>
  Layer.effect(
    ImageSources,
    Effect.gen(function* () {
      const registry = yield* Registry
      const { stage } = yield* Staging
      const lift = yield* makeLift()
      return makeOpenSource({ registry, lift, limits: filled(defaultLimits, limits), directory: stage })
    })
  )

const services = (options: PullerOptions, emit: Emit): Layer.Layer<Services, Reason> => {
  const extraction = extractionOf(options)
  const trees = { variant: variantOf(extraction), merged: layouts[extraction.layout].isMerged }
  // A service is closed before those it depends on.
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

/** Gives each puller its own set of pending teardowns. */
const withPendingTeardowns = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => Effect.provideService(effect, PendingTeardowns, new Set()))

const make = Effect.fnUntraced(function* (given: PullerOptions) {
  const options = yield* checkOptions<PullerOptions>("open", given)
  useAssets(options)
  // Warnings from opening the catalogue go to every pull that is running then.
  const listeners = new Set<Emit>()
  const context = yield* Layer.build(
    services(options, (event) => {
      for (const listener of [...listeners]) listener(event)
    })
  )
  const blobs = Context.get(context, Blobs)
  const catalogue = Context.get(context, Catalogue)
  const upkeep = Context.get(context, Upkeep)
  const lift = yield* makeLift()
  const leaving = yield* PendingTeardowns

  const { total } = filled(defaultTimeouts, options.timeouts)
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
  const provided = <A, E, R>(step: Effect.Effect<A, E, R>): Effect.Effect<A, E, Exclude<R, Services>> =>
    Effect.provideContext(step, context)
  const sequence$ = <A>(step: Effect.Effect<Observable<A>, Reason, Services | Scope.Scope>, emit: Emit) =>
    scoped$(lift, provided(Effect.provideService(step, PullEvents, emit)), (sequence$) => sequence$)
  const collected = <A, R>(listing: Effect.Effect<Observable<A>, Reason, R>) =>
    listing.pipe(
      Effect.flatMap((list$) => drain(isReason)(list$.pipe(toArray()))),
      Effect.map((all = []): ReadonlyArray<A> => all),
      Effect.scoped,
      inTime
    )

  const forEach =
    <A>(next: (value: A) => void) =>
    <R>(listing: Effect.Effect<Observable<A>, Reason, R>) =>
      listing.pipe(
        Effect.flatMap((list$) => drain(isReason)(list$.pipe(tap(next)))),
        Effect.asVoid,
        Effect.scoped,
        inTime
      )

  /** A pull that also hears the catalogue's warnings. The listener added for that never throws. */
  const pullInTime = (reference: string, options: PullOptions) =>
    Effect.flatMap(PullEvents, (emit) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          const listener: Emit = (event) => emit(event)
          listeners.add(listener)
          return listener
        }),
        () => inTime(pull(reference, options)),
        (listener) => Effect.sync(() => listeners.delete(listener))
      )
    )
  const pulling = (reference: string, options?: PullOptions & Watching, listen?: Emit) =>
    watched("pull", options, listen, (options) => pullInTime(reference, options)).pipe(provided, naming(reference))

  const pulling$ = (reference: string, options?: PullOptions & Watching) =>
    new Observable<PullEvent>((events) => {
      // All notifications run in the subscriber's own async context.
      const subscribed = new AsyncResource("ociflow")
      const own = (tell: () => void) => subscribed.runInAsyncScope(tell)
      // Starts one turn later, so that a subscriber has its subscription at the first event.
      return lift(
        Effect.andThen(
          Effect.yieldNow,
          pulling(reference, options, (event) => own(() => events.next(event)))
        ).pipe(Effect.provideService(LogWarnings, false))
      ).subscribe({
        error: (error) => own(() => events.error(options?.signal?.aborted === true ? options.signal.reason : error)),
        complete: () => own(() => events.complete())
      })
    }).pipe(naming$(reference))

  const limits = filled(defaultLimits, options.limits)
  type Reading = Omit<EntriesOptions & TreeOptions, "gate">
  /** The entries that `open` reads, in three spellings. */
  const readings = <O extends Reading & Watching>(
    name: "entries$" | "tree",
    open: (
      reference: string,
      options: Omit<O, keyof Watching>,
      origin: Pick<EntryOrigin, "limits" | "named">
    ) => Effect.Effect<EntryCursor<ReadEntry>, Reason, Services | Scope.Scope>
  ) => {
    const reading$ = <A>(
      reference: string,
      given: O | undefined,
      named: EntryOrigin["named"],
      use: (cursor: EntryCursor<ReadEntry>, gate: Gate | undefined) => Observable<A>
    ) =>
      watched$(name, given, (options, emit) => {
        const { gate } = options as EntriesOptions
        return sequence$(
          Effect.map(open(reference, options, { limits, named }), (cursor) => use(cursor, gate)),
          emit
        )
      })
    return {
      sequence$: <A>(
        reference: string,
        options?: O,
        project?: (entry: Entry, index: number) => ObservableInput<A>
      ): Observable<Entry | A> =>
        reading$<Entry | A>(reference, options, namingError(reference), (cursor, gate) =>
          project === undefined
            ? pushEntries(cursor, gate)
            : concatNext(cursor.next, ({ entry }, index) => project(entry, index))
        ).pipe(naming$(reference)),
      iterable: (reference: string, options?: O) => {
        const named = namingError(reference)
        return iterateEntries({
          cursor$: reading$(reference, options, named, (cursor) => concat(of(cursor), NEVER)).pipe(naming$(reference)),
          named,
          settled: () => lastValueFrom(lift(awaitTeardowns(leaving)))
        })
      }
    }
  }
  const entries = readings<EntriesOptions & Watching>("entries$", entriesOf)
  const tree = readings<TreeOptions & Watching>("tree", treeOf)

  const bytesOf$ = (reference: string, digest: string, options: LookOptions & { readonly gate: Gate }, emit: Emit) =>
    sequence$(blobOf(reference, digest, options, limits), emit)
  const blob$ = <A>(
    reference: string,
    digest: string,
    options?: BlobOptions & Watching,
    project?: (chunk: Uint8Array, index: number) => ObservableInput<A>
  ): Observable<Uint8Array | A> =>
    watched$(
      "blob$",
      options,
      ({ gate = new Gate(), ...options }, emit): Observable<Uint8Array | A> =>
        project === undefined
          ? bytesOf$(reference, digest, { ...options, gate }, emit)
          : concatGated((gate) => bytesOf$(reference, digest, { ...options, gate }, emit), project)
    ).pipe(naming$(reference))

  const images = Effect.fnUntraced(function* (options: ListOptions) {
    const after = options.after === undefined ? undefined : yield* nameOf(options.after)
    return yield* catalogue.images({ ...options, after })
  })

  return {
    pull: pulling,
    pull$: pulling$,
    entries$: entries.sequence$ as EntriesFunction,
    entries: entries.iterable,
    tree$: tree.sequence$ as TreeFunction,
    tree: tree.iterable,
    readFile: ((reference: string, path: string, options?: ReadFileOptions & Watching, listen?: Emit) =>
      watched("readFile", options, listen, (options) => inTime(readFileOf(reference, path, options, limits))).pipe(
        provided,
        naming(reference)
      )) as ReadFileFunction,
    list: (reference: string, path = "/", options?: ListDirectoryOptions & Watching, listen?: Emit) =>
      watched("list", options, listen, (options) => inTime(listOf(reference, path, options, limits))).pipe(
        provided,
        naming(reference)
      ),
    artifact: ((reference: string, options?: ArtifactOptions & Watching, listen?: Emit) =>
      watched("artifact", options, listen, (options) => inTime(readArtifact(reference, options, limits))).pipe(
        provided,
        naming(reference)
      )) as ArtifactEffect,
    blob$: blob$ as BlobFunction,
    blob: (reference: string, digest: string, options?: LookOptions & Watching) => {
      const named$ = naming$(reference)
      return iterateGated({
        open: (gate) =>
          named$(watched$("blob", options, (options, emit) => bytesOf$(reference, digest, { ...options, gate }, emit))),
        settled: () => lastValueFrom(lift(awaitTeardowns(leaving)))
      })
    },
    config: (reference: string, options?: ConfigOptions & Watching, listen?: Emit) =>
      watched("config", options, listen, (options) => inTime(readConfig(reference, options))).pipe(
        provided,
        naming(reference)
      ),
    resolve: (reference: string, options?: LookOptions & Watching, listen?: Emit) =>
      watched("resolve", options, listen, (options) => inTime(resolveReference(reference, options))).pipe(
        provided,
        naming(reference)
      ),
    manifest: (reference: string, options?: ManifestOptions & Watching, listen?: Emit) =>
      watched("manifest", options, listen, (options) => inTime(readManifest(reference, options))).pipe(
        provided,
        naming(reference)
      ),
    tags$: (reference: string, options?: LookOptions & Watching) =>
      watched$("tags", options, (options, emit) => sequence$(tagsOf(reference, options), emit)).pipe(
        inTime$,
        naming$(reference)
      ),
    tags: (reference: string, options?: LookOptions & Watching, listen?: Emit) =>
      watched("tags", options, listen, (options) => collected(tagsOf(reference, options))).pipe(
        provided,
        naming(reference)
      ),
    forEachTag: (reference: string, next: (tag: string) => void, options?: LookOptions & Watching) =>
      watched("tags", options, undefined, (options) => forEach(next)(tagsOf(reference, options))).pipe(
        provided,
        naming(reference)
      ),
    referrers$: (reference: string, options?: ReferrersOptions & Watching) =>
      watched$("referrers", options, (options, emit) => sequence$(referrersOf(reference, options), emit)).pipe(
        inTime$,
        naming$(reference)
      ),
    referrers: (reference: string, options?: ReferrersOptions & Watching, listen?: Emit) =>
      watched("referrers", options, listen, (options) => collected(referrersOf(reference, options))).pipe(
        provided,
        naming(reference)
      ),
    forEachReferrer: (reference: string, next: (referrer: Referrer) => void, options?: ReferrersOptions & Watching) =>
      watched("referrers", options, undefined, (options) => forEach(next)(referrersOf(reference, options))).pipe(
        provided,
        naming(reference)
      ),
    images: (options?: ListOptions & Watching) => watched("images", options, undefined, images).pipe(naming(storeName)),
    inspect: (reference: string, options?: Watching) =>
      watched("inspect", options, undefined, () => Effect.flatMap(nameOf(reference), catalogue.inspect)).pipe(
        Effect.flatMap(Option.match({ onSome: Effect.succeed, onNone: () => Effect.fail(notPulled()) })),
        naming(reference)
      ),
    remove: (reference: string, options?: Watching) =>
      watched("remove", options, undefined, () => Effect.flatMap(nameOf(reference), upkeep.remove)).pipe(
        Effect.filterOrFail(({ images }) => images.length > 0, notPulled),
        naming(reference)
      ),
    prune: (options?: PruneOptions & Watching) =>
      watched("prune", options, undefined, upkeep.prune).pipe(naming(storeName)),
    hold: (reference: string, options?: HoldOptions & Watching) =>
      watched("hold", options, undefined, (options) => holdImage(reference, options)).pipe(provided, naming(reference)),
    kept: (digests: ReadonlyArray<string>, options?: Watching) =>
      watched("kept", options, undefined, () => blobs.partialsOf(digests)).pipe(naming(storeName)),
    usage: (options?: Watching) => watched("usage", options, undefined, () => upkeep.usage).pipe(naming(storeName)),
    verify: (options?: VerifyOptions & Watching, listen?: Emit) =>
      watched("verify", options, listen, ({ repair: isRepair = false }) =>
        isRepair ? repair(pullInTime) : Effect.map(compareTrees, (compared) => ({ ...compared, repaired: [] }))
      ).pipe(provided, naming(storeName)),
    settled: awaitTeardowns(leaving)
  }
}, withPendingTeardowns)

export const makePuller = (options: PullerOptions) =>
  Effect.mapError(make(options), (reason) => new PullError({ reference: "(open)", reason }))
