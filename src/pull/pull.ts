/**
 * A whole pull, on one page:
 *
 *     reference ─ catalogue? ─ source ─ resolve (index, platform, manifest, config) ─ layers ─ catalogue
 *     one layer: blob bytes ▸ verify digest ▸ decompress ▸ verify diffID ▸ untar ▸ apply ▸ publish by rename
 *
 * With the option `verify`, signatures are checked before the first layer is downloaded, and for stored images too.
 *
 * Nothing is published before it has been verified: a layer gets its name once its size, digest and diffID match, and
 * an image gets its row once all its layers have their names.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type { PullOptions } from "../api/config.ts"
import type { Reason } from "../api/errors.ts"
import type { PullEvent, PulledImage, PullResult } from "../api/events.ts"
import { loadModule } from "../fs/loadModule.ts"
import { formatPlatform } from "../image/Platform.ts"
import { ExtractionPool } from "../layer/pool/ExtractionPool.ts"
import type { FoundImage, ResolvedLayer } from "../registry/Registry.ts"
import { layoutNamesOf } from "../source/file/LocalReference.ts"
import type { ImageSource } from "../source/ImageSource.ts"
import { Blobs } from "../store/blobs/Blobs.ts"
import { pullId, UnfinishedPulls } from "../store/blobs/UnfinishedPulls.ts"
import { Catalogue } from "../store/catalogue/Catalogue.ts"
import { Locks } from "../store/locks/Locks.ts"
import { digestOfTable } from "../store/reuse/digestOfTable.ts"
import { Staging } from "../store/trees/Staging.ts"
import { isDiskImage } from "../store/trees/TreePaths.ts"
import { Trees } from "../store/trees/Trees.ts"
import { findCached, findUnrecorded, whyNotCached } from "./decideCache.ts"
import { distinctLayers, recordOf, resolvedEvent, resolvedFromStore } from "./describeImage.ts"
import { emit, PullEvents } from "./events/PullEvents.ts"
import { inPullSpan } from "./events/spans.ts"
import { SharedWork } from "./flights/SharedWork.ts"
import { ImageSources } from "./ImageSources.ts"
import { layerState, standingTree } from "./layer/layerState.ts"
import type { PartialLayers } from "./layer/PartialLayers.ts"
import { pullLayers } from "./layer/pullLayers.ts"
import { type Part, partOf } from "./Part.ts"
import { type PullRequest, readRequest, requestKey } from "./PullRequest.ts"
import { preflight } from "./preflight.ts"
import { type BuildTree, buildRootfs } from "./rootfs/buildRootfs.ts"
import { mergeLayers } from "./rootfs/mergeLayers.ts"
import type { Services } from "./services.ts"
import { checkFound, checkStored, withSignatures } from "./verify/checkSignatures.ts"

/** The store has the whole image, and nothing is downloaded. */
const fromStore = Effect.fnUntraced(function* (found: PulledImage, { origin, policy }: PullRequest) {
  yield* emit(resolvedFromStore(found))
  const image = withSignatures(found, yield* checkStored(origin, found, policy === "never"))
  const paths = new Map(image.layers.map(({ digest, path }) => [digest, path]))
  for (const [digest, path] of paths) yield* emit({ _tag: "LayerCached", digest, path })
  yield* emit({ _tag: "Pulled", image, cached: true })
  const result: PullResult = { ...image, cached: true }
  return result
})

/** The bytes that earlier pulls left of each layer, by digest. */
const keptBytes = Effect.fnUntraced(function* ({ isRemote }: ImageSource, layers: ReadonlyArray<ResolvedLayer>) {
  const { partialsOf } = yield* Blobs
  const partials = isRemote ? partialsOf(layers.map(({ digest }) => digest)) : Effect.succeed([])
  const found = yield* Effect.orElseSucceed(partials, () => [])
  return new Map(found.map(({ digest, bytes }) => [digest, bytes]))
})

/** Which layers have trees that were made by their tables of contents. */
const withTables = Effect.fnUntraced(function* (image: FoundImage, { tableOf }: PartialLayers) {
  const layers = yield* Effect.forEach(
    image.layers,
    Effect.fnUntraced(function* (layer) {
      const table = tableOf(layer)
      if (table === undefined) return layer
      const own = yield* standingTree(layer, yield* layerState(layer))
      return own === undefined ? { ...layer, tree: digestOfTable(table) } : layer
    })
  )
  return { ...image, layers }
})

/** Nothing of it is loaded where it is not asked for. */
const loadPartials = (image: FoundImage) =>
  Effect.map(
    loadModule("the module for partial pulls", () => import("./partial/makePartialLayers.ts")),
    ({ makePartialLayers }) => makePartialLayers(image)
  )

/** A source that opens the latch `begun` at its first request for a blob. */
const untilBegun = (source: ImageSource) => {
  const begun = Latch.makeUnsafe()
  const blob$: ImageSource["blob$"] = (...blob) => {
    begun.openUnsafe()
    return source.blob$(...blob)
  }
  return { begun, source: { ...source, blob$ } }
}

/** Makes the tree of a part of an image, in place of all of it: `buildPart` of the folder `read`, whose trees are read so. */
export type BuildPart = (
  source: ImageSource,
  image: FoundImage,
  part: Part
) => Effect.Effect<void, Reason, Services | Scope.Scope>

/** How trees are made that are read first: those of the folder `read`. */
export interface TreeBuilders {
  readonly part: BuildPart
  /** The layout `erofs`. */
  readonly erofs: BuildTree
}

const pullImage = Effect.fnUntraced(function* (request: PullRequest, builders: TreeBuilders) {
  const { origin, platform, policy, part } = request
  const catalogue = yield* Catalogue
  const trees = yield* Trees
  const { sweep } = yield* Staging
  yield* emit({ _tag: "Resolving", reference: origin.name })

  const opened = policy === "never" ? undefined : untilBegun(yield* (yield* ImageSources).open(origin))
  const cached = yield* findCached(request, opened?.source)
  if (Option.isSome(cached)) {
    yield* sweep
    return yield* fromStore(cached.value, request)
  }
  if (opened === undefined) return yield* yield* whyNotCached(origin.name, platform, part)
  const { source, begun } = opened

  // First, since a thread takes longer to start than all that comes before its first byte.
  yield* (yield* ExtractionPool).warm
  yield* (yield* Locks).lease
  if (!trees.merged) yield* Effect.forkScoped(Effect.ignore(trees.archives.prepare))
  const resolved = yield* Effect.result(source.resolve(platform, yield* PullEvents))
  if (Result.isFailure(resolved)) {
    const unrecorded = yield* findUnrecorded(request, source)
    return Option.isSome(unrecorded)
      ? yield* fromStore(unrecorded.value, request)
      : yield* Effect.fail(resolved.failure)
  }
  const image = resolved.success
  const layers = yield* distinctLayers(image)
  yield* emit(resolvedEvent(source.name, image, layers, yield* keptBytes(source, layers)))
  const verified = yield* checkFound(origin, image)
  const manifest = image.manifest.descriptor.digest
  if (part === undefined) yield* preflight(layers, request.preflight, { manifest, isRemote: source.isRemote })

  const permits = (yield* SharedWork).downloads.forPull()
  const build = isDiskImage(trees.paths.variant) ? builders.erofs : buildRootfs
  const partials = request.partial && source.isRemote && !trees.merged ? yield* loadPartials(image) : undefined
  const whole = trees.merged
    ? mergeLayers(source, image, layers, permits, build)
    : pullLayers(source, layers, permits, partials)
  const pulling = part === undefined ? whole : builders.part(source, image, part)
  const unfinished = yield* UnfinishedPulls
  const isRemembered = source.isRemote && part === undefined
  const asked = { reference: source.name, platform: formatPlatform(platform) }
  const sizes = layers.map(({ digest, size }) => ({ digest, size }))
  const remember = isRemembered ? unfinished.add({ ...asked, layers: sizes }) : Effect.void
  const told = yield* PullEvents
  const tell = (event: PullEvent) => {
    // Another pull downloads this layer.
    if (event._tag === "LayerWaiting") begun.openUnsafe()
    told(event)
  }
  const begins = pulling.pipe(Effect.provideService(PullEvents, tell), Effect.ensuring(begun.open))
  // The database engine keeps the event loop for 40 ms when it is loaded. So it is loaded once a layer has been asked for, while
  // bytes are awaited. If the catalogue cannot be used, the downloads end too.
  const meanwhile = Effect.andThen(begun.await, Effect.andThen(sweep, catalogue.prepare))
  yield* Effect.all([remember, begins, meanwhile], { concurrency: "unbounded", discard: true })

  const record = recordOf(source.name, partials === undefined ? image : yield* withTables(image, partials), platform)
  const { layout } = yield* Blobs
  if (layout !== undefined && part === undefined) yield* layout.enter(yield* layoutNamesOf(record.reference), record)
  const pulled = withSignatures(yield* catalogue.record(record, part?.key), verified)
  if (isRemembered) yield* unfinished.remove(pullId(asked))
  yield* emit({ _tag: "Pulled", image: pulled, cached: false })
  const result: PullResult = { ...pulled, cached: false }
  return result
}, Effect.scoped)

/** Pulls an image. Equal requests at the same time share one pull. */
export const pull = Effect.fnUntraced(function* (reference: string, options: PullOptions, builders: TreeBuilders) {
  const part = yield* partOf(options)
  const request: PullRequest = { ...(yield* readRequest(reference, options)), part, partial: options.partial ?? false }
  const key = requestKey(request)
  const { images } = yield* SharedWork
  return yield* images.join({ key, inputs: key }, pullImage(request, builders)).pipe(inPullSpan(request.origin.name))
})
