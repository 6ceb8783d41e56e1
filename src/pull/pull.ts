/**
 * The way of an image, on one page:
 *
 *     reference ─ catalogue? ─ source ─ resolve (index, platform, manifest, config) ─ layers ─ catalogue
 *     one layer: blob bytes ▸ verify digest ▸ decompress ▸ verify diffID ▸ untar ▸ apply ▸ publish by rename
 *
 * Nothing is published before it is proven: a layer gets its name when digest, size and diffID agree, the image gets
 * its row when each of its layers has a name.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { catchError, concatMap, defer, from, type Observable, tap, throwError } from "rxjs"
import { defaults, type EntriesOptions, type PullerOptions, type PullOptions } from "../api/config.ts"
import { DigestMismatch, isReason, type Reason } from "../api/errors.ts"
import type { Emit, PulledImage } from "../api/events.ts"
import { hostPlatform, parsePlatform } from "../image/Platform.ts"
import type { Entry } from "../layer/Entry.ts"
import { ExtractionPool } from "../layer/pool/ExtractionPool.ts"
import { type Lift, scoped$ } from "../reactive/bridge.ts"
import type { Gate } from "../reactive/Gate.ts"
import type { ResolvedLayer } from "../registry/Registry.ts"
import type { ImageSource } from "../source/ImageSource.ts"
import { noPartial } from "../source/noPartial.ts"
import { type Opening, originOf } from "../source/Origin.ts"
import { Store } from "../store/Store.ts"
import { distinctLayers, emitPulled, recordOf, resolvedEvent } from "./describeImage.ts"
import { makeDownloads, type Permits } from "./flights/Downloads.ts"
import { makeFlights } from "./flights/Flight.ts"
import { isBlobMismatch } from "./isBlobMismatch.ts"
import { extractLayer, type LayerDownload } from "./layer/extractLayer.ts"
import { fetchBlob } from "./layer/fetchBlob.ts"
import { refetchOnMismatch } from "./layer/refetchOnMismatch.ts"
import { takeTurn, untilOverdue } from "./layer/waitForLayer.ts"
import { preflight } from "./preflight.ts"
import { makeMerge } from "./rootfs/mergeLayers.ts"
import { inLayerSpan, inPullSpan } from "./spans.ts"
import { whyNotCached } from "./whyNotCached.ts"

/** What was asked for, read. */
const readRequest = Effect.fnUntraced(function* (
  text: string,
  { platform, policy = "missing", preflight = "warn", name, input }: PullOptions
) {
  const origin = yield* originOf(text, { name, input })
  return {
    origin,
    policy,
    space: preflight,
    platform: platform === undefined ? hostPlatform() : yield* parsePlatform(platform)
  }
})
type PullRequest = Effect.Success<ReturnType<typeof readRequest>>

const silent: Emit = () => {}

/** Layers of one image that are looked after at once; most of them wait for a download to end. */
const mostAtOnce = 64

export const makePull = Effect.fnUntraced(function* (options: PullerOptions, { open }: Opening, lift: Lift) {
  const store = yield* Store
  const pool = yield* ExtractionPool
  const downloads = makeDownloads(options.concurrency ?? defaults.concurrency)
  const merge = makeMerge({ store, pool })
  // What several want at once is done once.
  const pulls = yield* makeFlights<PulledImage, Reason>()
  const layers = yield* makeFlights<void, Reason>()

  const extract = Effect.fnUntraced(function* (wanted: LayerDownload, unproven: boolean, emit: Emit) {
    const { digest, diffId, size } = wanted.layer
    const directory = yield* store.stage(digest)
    yield* Effect.addFinalizer(() => pool.settled(directory))
    emit({ _tag: "LayerStarted", digest, size, offset: wanted.partial.size() })
    const { fingerprint, ...counts } = yield* extractLayer(pool, wanted, directory, emit)
    // Whoever did not wait for its turn may find that another was quicker.
    const replaces = unproven && (yield* standing(wanted.layer)) === "unproven"
    yield* store.proofs.keep(digest, diffId)
    if (fingerprint !== undefined) yield* store.fingerprints.keep(store.layerPath(digest), fingerprint)
    const path = store.layerPath(digest)
    if (!replaces) yield* store.publish(directory, digest)
    // What stays is not what was proven.
    else if (!(yield* store.replaceTree(directory, { digest, path }))) yield* store.proofs.forget(digest)
    return { ...counts, path }
  }, Effect.scoped)

  /** `proven`: a tree is there with this very archive in it. `unproven`: a power cut took what is known of it, perhaps. */
  const standing = Effect.fnUntraced(function* ({ digest, diffId }: ResolvedLayer) {
    if (!(yield* store.hasLayer(digest))) return "absent"
    const proven = yield* store.proofs.find(digest)
    const isKnown = (yield* store.fingerprints.find(store.layerPath(digest))) !== undefined
    if (proven === undefined || (proven === diffId && !isKnown)) return "unproven"
    if (proven === diffId) return "proven"
    return yield* new DigestMismatch({ subject: "diffID", expected: diffId, actual: proven })
  })

  /** Under the layer's lock, or beside whoever has it: then nothing of what that one keeps is touched. */
  const makeLayer = Effect.fnUntraced(function* (
    source: ImageSource,
    layer: ResolvedLayer,
    isLocked: boolean,
    emit: Emit
  ) {
    const { digest, diffId } = layer
    const { blobs } = store
    const keeps = blobs !== undefined && !(yield* blobs.has(layer))
    const before = yield* standing(layer)
    const isThere = before === "proven"
    if (isThere && !keeps) {
      if (isLocked) yield* store.dropPartial(digest)
      return emit({ _tag: "LayerCached", digest, path: store.layerPath(digest) })
    }
    const partial = isLocked ? store.partial(layer) : store.scratchPartial(layer)
    const kept = source.isRemote || keeps ? yield* partial : noPartial
    const wanted = { source, layer, partial: kept }
    if (isThere) {
      if (keeps) yield* fetchBlob(wanted, blobs, emit).pipe(refetchOnMismatch(wanted, emit))
      return emit({ _tag: "LayerCached", digest, path: store.layerPath(digest) })
    }
    const { path, inflated, entries } = yield* extract(wanted, before === "unproven", emit).pipe(
      refetchOnMismatch(wanted, emit)
    )
    yield* keeps ? blobs.keep(digest, kept) : kept.discard
    emit({ _tag: "LayerDone", digest, diffId, path, inflated, entries })
  }, Effect.scoped)

  const isPublished = (layer: ResolvedLayer) =>
    Effect.gen(function* () {
      const keeps = store.blobs !== undefined && !(yield* store.blobs.has(layer))
      return !keeps && (yield* standing(layer)) === "proven"
    })

  /** Whoever waits for another process leaves its turn to a layer that nobody has in hand. */
  const pullLayer = (source: ImageSource, layer: ResolvedLayer, permits: Permits, hasWaited: boolean) =>
    Effect.fnUntraced(function* (emit: Emit) {
      const { digest } = layer
      const make = (isLocked: boolean) => inLayerSpan(layer, emit, (emit) => makeLayer(source, layer, isLocked, emit))
      // Another pull, of another registry perhaps, may have published it while this one tried in vain.
      const making = (isLocked: boolean) =>
        Effect.catch(make(isLocked), (reason) =>
          Effect.orElseSucceed(isPublished(layer), () => false).pipe(
            Effect.flatMap((isThere) => (isThere ? make(isLocked) : Effect.fail(reason)))
          )
        )
      const had = yield* permits.withPermit(
        Effect.scoped(
          Effect.tap(store.tryLock(digest, { note: source.place }), (had) => (had ? making(true) : Effect.void))
        )
      )
      if (had) return
      if (!hasWaited) emit({ _tag: "LayerWaiting", digest })
      const isLocked =
        !hasWaited && (yield* takeTurn({ store, layer, place: source.place, isThere: isPublished(layer) }))
      yield* permits.withPermit(making(isLocked))
    }, Effect.scoped)

  const pullImage = Effect.fnUntraced(function* ({ origin, platform, policy, space }: PullRequest, emit: Emit) {
    emit({ _tag: "Resolving", reference: origin.name })

    const source = policy === "never" ? undefined : yield* open(origin)
    const name = source?.name ?? origin.name
    const isUnknown = source !== undefined && !(yield* store.isNamed(name))
    const known = isUnknown ? Option.none<PulledImage>() : yield* store.find(name, platform)
    // A file is looked at without the network, so whether it changed is always asked.
    const isAsked = source !== undefined && (policy === "always" || !source.isRemote)
    const digest = isAsked ? yield* source.digest(emit) : undefined
    const isServed = (image: PulledImage) =>
      store.blobs === undefined ? Effect.succeed(true) : store.blobs.holds(name, image)
    if (Option.isSome(known) && (!isAsked || known.value.digest === digest) && (yield* isServed(known.value))) {
      yield* store.tidy
      return emitPulled(known.value, true, emit)
    }
    if (source === undefined) return yield* yield* whyNotCached(store, name, platform)

    yield* store.using
    yield* pool.warm
    const resolved = yield* Effect.result(source.resolve(platform, emit))
    if (Result.isFailure(resolved)) {
      // A power cut may have taken the record of a name, and left its rows.
      const late = isUnknown ? yield* store.find(name, platform) : Option.none<PulledImage>()
      if (Option.isNone(late) || !(yield* isServed(late.value))) return yield* Effect.fail(resolved.failure)
      return emitPulled(late.value, true, emit)
    }
    const image = resolved.success
    const distinct = yield* distinctLayers(image)
    emit(resolvedEvent(name, image, distinct))
    yield* preflight(store, distinct, space, emit, image.manifest.descriptor.digest)
    // The largest first: a big layer that starts last is what everybody waits for.
    const bySize = distinct.toSorted((a, b) => b.size - a.size)
    const permits = downloads.forPull()
    const one = (layer: ResolvedLayer) =>
      layers.join(
        { key: `${layer.digest} ${layer.diffId}`, inputs: JSON.stringify([source.inputs, layer]) },
        emit,
        pullLayer(source, layer, permits, false),
        {
          place: source.place,
          after: untilOverdue({ store, layer, isElsewhere: Effect.succeed(true), isThere: isPublished(layer) }),
          work: pullLayer(source, layer, permits, true)
        }
      )
    const making = store.merged
      ? merge(source, image, distinct, permits, emit)
      : Effect.forEach(bySize, one, { concurrency: mostAtOnce, discard: true })
    // The engine is loaded beside the layers, where that costs nobody any time; a catalogue that is of no use ends both.
    yield* Effect.all([making, store.prepare, store.tidy], { concurrency: "unbounded", discard: true })
    const record = recordOf(name, image, platform)
    if (store.blobs !== undefined) yield* store.blobs.enter(record)
    return emitPulled(yield* store.record(record), false, emit)
  }, Effect.scoped)

  const pull = Effect.fnUntraced(function* (text: string, options: PullOptions, emit: Emit) {
    const asked = yield* readRequest(text, options)
    const { origin, platform, policy, space } = asked
    const inputs = JSON.stringify([origin.inputs, platform, policy, space])
    return yield* inPullSpan(origin.name, emit, (emit) =>
      pulls.join({ key: inputs, inputs }, emit, (emit) => pullImage(asked, emit))
    )
  })

  /**
   * What was handed on cannot be taken back: a mirror's lie that is found out before is overcome, one that is found out
   * after is the error that it is. Either way that mirror is not asked again.
   */
  const readLayer$ = (source: ImageSource, layer: ResolvedLayer, gate: Gate | undefined): Observable<Entry> =>
    defer(() => {
      let given = false
      const reading$ = pool
        .entries$(layer, (gate) => source.blob$(layer, gate, { emit: silent }), gate)
        .pipe(
          tap(() => {
            given = true
          })
        )
      return reading$.pipe(
        catchError((error) => {
          if (!isReason(error) || !isBlobMismatch(error)) return throwError(() => error)
          return lift(source.reportMismatch(layer.digest, silent)).pipe(
            concatMap((lied) => (lied && !given ? reading$ : throwError(() => error)))
          )
        })
      )
    })

  const entries$ = (text: string, options: EntriesOptions): Observable<Entry> => {
    const image = Effect.gen(function* () {
      const { origin, platform } = yield* readRequest(text, options)
      const source = yield* open(origin)
      return { source, layers: yield* distinctLayers(yield* source.resolve(platform, silent)) }
    })
    return scoped$(lift, image, ({ source, layers }) =>
      from(layers).pipe(concatMap((layer) => readLayer$(source, layer, options.gate)))
    )
  }

  return { pull, entries$ }
})
