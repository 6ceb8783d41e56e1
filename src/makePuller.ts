/** Builds a `Puller` from network, worker threads and store. Loaded only when the first one is built. */
import { AsyncResource } from "node:async_hooks"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { Observable } from "rxjs"
import {
  type ArtifactOptions,
  type BundleOptions,
  type ConfigOptions,
  defaultLimits,
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
import { NotCached, PullError } from "./api/errors.ts"
import type { Emit, PullEvent } from "./api/events.ts"
import { checkOptions } from "./api/options/checkOptions.ts"
import type { Referrer } from "./api/results/Lookup.ts"
import { LogWarnings } from "./api/sanitizeEvents.ts"
import { useAssets } from "./assets.ts"
import { exportReaders } from "./export/exportReaders.ts"
import { loadModule } from "./fs/loadModule.ts"
import { formatPlatform, type Platform } from "./image/Platform.ts"
import { extractionOf } from "./layer/ExtractionOptions.ts"
import { naming, naming$, watched } from "./pull/call.ts"
import { PullEvents } from "./pull/events/PullEvents.ts"
import { holdImage } from "./pull/holdImage.ts"
import { readManifest, referrersOf, resolveReference, tagsOf } from "./pull/lookup.ts"
import { makeCalls, withPendingTeardowns } from "./pull/makeCalls.ts"
import { readRequest } from "./pull/PullRequest.ts"
import { pull, type TreeBuilders } from "./pull/pull.ts"
import { servicesLayer } from "./pull/services.ts"
import { compareTrees } from "./pull/verify/compareTrees.ts"
import { repair } from "./pull/verify/repair.ts"
import { makePulls } from "./pulls/makePulls.ts"
import type { ArtifactEffect } from "./read/artifact/ArtifactFunction.ts"
import { blobOf } from "./read/blob/blobOf.ts"
import { blobReaders } from "./read/blob/blobReaders.ts"
import type { EntriesFunction, ReadFileFunction, TreeFunction } from "./read/entries/Entry.ts"
import { entryReaders } from "./read/entries/entryReaders.ts"
import { readConfig } from "./read/readConfig.ts"
import { nameOf } from "./source/file/LocalReference.ts"
import type { Origin } from "./source/Origin.ts"
import { Blobs } from "./store/blobs/Blobs.ts"
import { interruptedPulls } from "./store/blobs/interruptedPulls.ts"
import { pullId, UnfinishedPulls } from "./store/blobs/UnfinishedPulls.ts"
import { Catalogue } from "./store/catalogue/Catalogue.ts"
import { Upkeep } from "./store/upkeep/Upkeep.ts"

const storeName = "(store)"

const reading = loadModule("the image reader", () => import("./reading.ts"))

const notPulled = () => new NotCached({})

const make = Effect.fnUntraced(function* (given: PullerOptions) {
  const options = yield* checkOptions<PullerOptions>("open", given)
  useAssets(options)
  // Warnings from opening the catalogue go to every pull that is running then.
  const listeners = new Set<Emit>()
  const context = yield* Layer.build(
    servicesLayer(options, (event) => {
      for (const listener of [...listeners]) listener(event)
    })
  )
  const blobs = Context.get(context, Blobs)
  const catalogue = Context.get(context, Catalogue)
  const upkeep = Context.get(context, Upkeep)
  const calls = yield* makeCalls(context, options.timeouts)
  const { call, inTime, lift, list, list$, listTo, opened$, provided, settled, whenSettled } = calls
  const limits = filled(defaultLimits, options.limits)
  const builders: TreeBuilders = {
    part: (...given) => Effect.flatMap(reading, ({ makeBuildPart }) => makeBuildPart(limits)(...given)),
    erofs: (...given) => Effect.flatMap(reading, ({ makeBuildErofs }) => makeBuildErofs(limits)(...given))
  }
  const setup = { limits, extraction: extractionOf(options), lasting: options.durability === "power" }

  /** A pull that also hears the catalogue's warnings. The listener added for that never throws. */
  const pullInTime = (reference: string, options: PullOptions) =>
    Effect.flatMap(PullEvents, (emit) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          const listener: Emit = (event) => emit(event)
          listeners.add(listener)
          return listener
        }),
        () => inTime(pull(reference, options, builders)),
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

  const entries = entryReaders<EntriesOptions & Watching>({
    name: "entries$",
    open: (...given) => Effect.flatMap(reading, ({ entriesOf }) => entriesOf(...given)),
    limits,
    calls
  })
  const tree = entryReaders<TreeOptions & Watching>({
    name: "tree",
    open: (...given) => Effect.flatMap(reading, ({ treeOf }) => treeOf(...given)),
    limits,
    calls
  })
  const { blob, blob$ } = blobReaders({
    names: { sequence: "blob$", iterable: "blob" },
    open$: (reference, digest, options, emit) => opened$(blobOf(reference, digest, options, limits), emit),
    settled: whenSettled
  })

  const exported = exportReaders({
    open: (references, options) => Effect.flatMap(reading, ({ exportOf }) => exportOf(references, options, limits)),
    calls
  })
  const pulls = yield* makePulls({
    pull: pulling,
    identify: (reference, options) =>
      watched<PullOptions & Watching, { readonly origin: Origin; readonly platform: Platform }, never>(
        "pulls.start",
        options,
        undefined,
        (options) => readRequest(reference, options)
      ).pipe(
        Effect.map(({ origin: { name }, platform }) => {
          const asked = { reference: name, platform: formatPlatform(platform) }
          return { id: pullId(asked), reference: name }
        }),
        naming(reference)
      ),
    interrupted: provided(interruptedPulls),
    forget: Context.get(context, UnfinishedPulls).remove,
    options: options.pulls
  })

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
    ...exported,
    readFile: ((reference: string, path: string, options?: ReadFileOptions & Watching, listen?: Emit) =>
      call("readFile", reference, options, listen, (options) =>
        Effect.flatMap(reading, ({ readFileOf }) => readFileOf(reference, path, options, limits))
      )) as ReadFileFunction,
    list: (reference: string, path = "/", options?: ListDirectoryOptions & Watching, listen?: Emit) =>
      call("list", reference, options, listen, (options) =>
        Effect.flatMap(reading, ({ listOf }) => listOf(reference, path, options, limits))
      ),
    artifact: ((reference: string, options?: ArtifactOptions & Watching, listen?: Emit) =>
      call("artifact", reference, options, listen, (options) =>
        Effect.flatMap(reading, ({ readArtifact }) => readArtifact(reference, options, limits))
      )) as ArtifactEffect,
    bundle: (reference: string, directory: string, options?: BundleOptions & Watching, listen?: Emit) =>
      call("bundle", reference, options, listen, (options) =>
        Effect.flatMap(reading, ({ bundleOf }) => bundleOf(reference, directory, options, setup))
      ),
    blob$,
    blob,
    config: (reference: string, options?: ConfigOptions & Watching, listen?: Emit) =>
      call("config", reference, options, listen, (options) => readConfig(reference, options)),
    resolve: (reference: string, options?: LookOptions & Watching, listen?: Emit) =>
      call("resolve", reference, options, listen, (options) => resolveReference(reference, options)),
    manifest: (reference: string, options?: ManifestOptions & Watching, listen?: Emit) =>
      call("manifest", reference, options, listen, (options) => readManifest(reference, options)),
    tags$: (reference: string, options?: LookOptions & Watching) =>
      list$("tags", reference, options, (options) => tagsOf(reference, options)),
    tags: (reference: string, options?: LookOptions & Watching, listen?: Emit) =>
      list("tags", reference, options, listen, (options) => tagsOf(reference, options)),
    forEachTag: (reference: string, next: (tag: string) => void, options?: LookOptions & Watching) =>
      listTo("tags", reference, options, next, (options) => tagsOf(reference, options)),
    referrers$: (reference: string, options?: ReferrersOptions & Watching) =>
      list$("referrers", reference, options, (options) => referrersOf(reference, options)),
    referrers: (reference: string, options?: ReferrersOptions & Watching, listen?: Emit) =>
      list("referrers", reference, options, listen, (options) => referrersOf(reference, options)),
    forEachReferrer: (reference: string, next: (referrer: Referrer) => void, options?: ReferrersOptions & Watching) =>
      listTo("referrers", reference, options, next, (options) => referrersOf(reference, options)),
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
    pulls,
    settled
  }
}, withPendingTeardowns)

export const makePuller = (options: PullerOptions) =>
  Effect.mapError(make(options), (reason) => new PullError({ reference: "(open)", reason }))
