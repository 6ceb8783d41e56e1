/**
 * The layout `rootfs`: all layers of an image in one directory, lowest first, published by one rename. The lowest is
 * applied as it arrives; those above it are meanwhile fetched into partial blobs, and wait there for their turn:
 *
 *     layer 1   download and apply
 *     layer 2   download ┄┄┄┄┄┄┄┄ apply
 *     layer 3     download ┄┄┄┄┄┄┄┄┄┄┄ apply ▸ publish by rename
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as RcMap from "effect/RcMap"
import * as Scope from "effect/Scope"
import { isReason, type Reason } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import type { Digest } from "../../image/reference/Digest.ts"
import type { Extracted, ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { drain } from "../../reactive/bridge.ts"
import { Gate } from "../../reactive/Gate.ts"
import type { FoundImage, ResolvedLayer } from "../../registry/Registry.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import { noPartial } from "../../source/noPartial.ts"
import type { PartialBlob } from "../../store/blobs/PartialBlob.ts"
import type { Store } from "../../store/Store.ts"
import type { Permits } from "../flights/Downloads.ts"
import { isBlobMismatch } from "../isBlobMismatch.ts"
import { extractLayer, type LayerDownload, layerBytes$ } from "../layer/extractLayer.ts"
import { download, fetchBlob } from "../layer/fetchBlob.ts"
import { refetchOnMismatch } from "../layer/refetchOnMismatch.ts"
import { takeTurn } from "../layer/waitForLayer.ts"
import { inLayerSpan } from "../spans.ts"

export interface MergeOptions {
  readonly store: Store["Service"]
  readonly pool: ExtractionPool["Service"]
}

/** Layers that are fetched, or wait for their turn, at once: so many locks and files are open. */
const mostAtOnce = 64

/** A layer that is in hand, under its lock. */
interface Part extends LayerDownload {
  /** The blob is to stay when the layer is done. */
  readonly keeps: boolean
}

type Parts = RcMap.RcMap<Digest, Part, Reason>

export const makeMerge = ({ store, pool }: MergeOptions) => {
  /** Ahead of its turn. Nothing is proven here: that is done when it is applied. */
  const fetch = (part: Part, emit: Emit) =>
    Effect.flatMap(Effect.context<never>(), (context) =>
      download(layerBytes$(part, new Gate(), emit, context), part.layer, emit)
    )

  const apply = (directory: string, part: Part, emit: Emit) =>
    Effect.suspend(() => {
      const fetched = part.source.isRemote && part.partial.size() === part.layer.size
      return extractLayer(pool, part, directory, (event) =>
        emit(fetched && event._tag === "LayerProgress" ? { ...event, received: event.size } : event)
      )
    })

  /** One attempt, in a fresh directory. `turns` in manifest order: a layer that is repeated is applied each time. */
  const build = Effect.fnUntraced(function* (
    manifest: Digest,
    unproven: boolean,
    turns: ReadonlyArray<Digest>,
    parts: Parts,
    permits: Permits,
    refuse: (part: Part, reason: Reason) => Effect.Effect<void, Reason>,
    emit: Emit
  ) {
    const directory = yield* store.stage(manifest)
    yield* Effect.addFinalizer(() => pool.settled(directory))
    const over = turns.map(() => Deferred.makeUnsafe<void>())
    /** What the last turn of each has done. */
    const done = new Map<Digest, Extracted>()
    const step = Effect.fnUntraced(function* (part: Part, index: number, emit: Emit) {
      const { digest } = part.layer
      const applying = apply(directory, part, emit).pipe(Effect.tapError((reason) => refuse(part, reason)))
      const isFirst = turns.indexOf(digest) === index
      if (isFirst) emit({ _tag: "LayerStarted", digest, size: part.layer.size, offset: part.partial.size() })
      const before = over[index - 1]
      if (before === undefined) done.set(digest, yield* permits.withPermit(applying))
      else {
        // What is a file already waits where it is.
        if (isFirst && part.source.isRemote) yield* permits.withPermit(Effect.suspend(() => fetch(part, emit)))
        yield* Deferred.await(before)
        done.set(digest, yield* applying)
      }
      const mine = over[index]
      if (mine !== undefined) yield* Deferred.succeed(mine, undefined)
    })
    const inTurn = Effect.fnUntraced(function* (digest: Digest, index: number) {
      const part = yield* RcMap.get(parts, digest)
      yield* inLayerSpan(part.layer, emit, (emit) => step(part, index, emit))
    }, Effect.scoped)
    yield* Effect.forEach(turns, inTurn, { concurrency: mostAtOnce, discard: true })
    const fingerprint = yield* drain(isReason)(pool.fingerprint$({ digest: manifest, directory }))
    if (fingerprint !== undefined) yield* store.fingerprints.keep(store.rootfsPath(manifest), fingerprint)
    const path = store.rootfsPath(manifest)
    if (unproven) yield* store.replaceTree(directory, { digest: manifest, path })
    else yield* store.publishRootfs(directory, manifest)
    return done
  }, Effect.scoped)

  /** Tells of each layer of `distinct` when all of them have their name. */
  return Effect.fn("ociflow.rootfs")(function* (
    source: ImageSource,
    image: FoundImage,
    distinct: ReadonlyArray<ResolvedLayer>,
    permits: Permits,
    emit: Emit
  ) {
    const manifest = image.manifest.descriptor.digest
    // A merge of few layers holds all their locks, in an order that every other one keeps to: two that each hold what the
    // other needs would wait for ever. One of many holds a few at a time, in the order of its turns, and so is alone.
    const isLarge = distinct.length > mostAtOnce
    const [lowest] = distinct
    const waiting = (digest: Digest) => () => emit({ _tag: "LayerWaiting", digest })
    yield* store.lockMerge(isLarge, lowest === undefined ? undefined : waiting(lowest.digest))
    const byDigest = distinct.toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
    // Whoever waits for one of these layers says so, and finds what was fetched of it.
    const wants = yield* Scope.fork(yield* Effect.scope)
    if (!isLarge && source.isRemote) for (const { digest } of byDigest) yield* Scope.provide(store.want(digest), wants)
    const { blobs } = store
    const { place } = source
    /** Of layers whose lock was not to be had in time: beside whoever has it, nothing of what that one keeps is touched. */
    const own = new Map<Digest, PartialBlob>()
    for (const layer of isLarge ? [] : byDigest) {
      const { digest } = layer
      if (yield* store.tryLock(digest, { note: place })) continue
      waiting(digest)()
      const isThere = store.hasRootfs(manifest)
      if (!(yield* takeTurn({ store, layer, place, isThere }))) own.set(digest, yield* store.scratchPartial(layer))
    }
    const path = store.rootfsPath(manifest)
    const stands = yield* store.hasRootfs(manifest)
    // A power cut may have taken what is known of it, and more.
    const isThere = stands && (yield* store.fingerprints.find(path)) !== undefined
    const layers = new Map(distinct.map((layer) => [layer.digest, layer]))
    const resumed = new Set<Digest>()
    const opened = new Set<Digest>()
    const openPart = Effect.fnUntraced(function* (digest: Digest): Effect.fn.Return<Part, Reason, Scope.Scope> {
      const layer = layers.get(digest)
      if (layer === undefined) return yield* Effect.die(new Error(`${digest} is no layer of the image`))
      if (isLarge) yield* store.lock(digest, { onWait: waiting(digest), note: place })
      const keeps = blobs !== undefined && !(yield* blobs.has(layer))
      const isWanted = keeps || (source.isRemote && !isThere)
      const kept = isWanted ? (own.get(digest) ?? (yield* store.partial(layer))) : noPartial
      if (!opened.has(digest) && kept.size() > 0) resumed.add(digest)
      opened.add(digest)
      return { source, layer, partial: kept, keeps }
    })
    const parts = yield* RcMap.make({ lookup: openPart })
    const each = (work: (part: Part) => Effect.Effect<void, Reason>) =>
      Effect.forEach(layers.keys(), (digest) => Effect.scoped(Effect.flatMap(RcMap.get(parts, digest), work)), {
        discard: true
      })
    if (isThere) {
      return yield* each(
        Effect.fnUntraced(function* (part) {
          const { layer, keeps } = part
          if (keeps && blobs !== undefined) yield* fetchBlob(part, blobs, emit).pipe(refetchOnMismatch(part, emit))
          else if (!own.has(layer.digest)) yield* store.dropPartial(layer.digest)
          emit({ _tag: "LayerCached", digest: layer.digest, path })
        })
      )
    }
    // A layer over itself is that layer.
    const turns = image.layers
      .map(({ digest }) => digest)
      .filter((digest, index, digests) => digests[index - 1] !== digest)
    let again = false
    // What was kept may have been wrong, and is gone then; or a mirror lied: the registry's own bytes get their chance.
    const refuse = Effect.fnUntraced(function* (part: Part, reason: Reason) {
      if (!isBlobMismatch(reason)) return
      const lied = yield* source.reportMismatch(part.layer.digest, emit)
      yield* part.partial.discard
      again = resumed.delete(part.layer.digest) || lied
    })
    const attempt = Effect.suspend(() => {
      again = false
      return build(manifest, stands, turns, parts, permits, refuse, emit)
    })
    const done = yield* Effect.retry(attempt, { times: layers.size, while: () => again })
    for (const { digest, diffId } of layers.values()) yield* store.proofs.keep(digest, diffId)
    yield* Scope.close(wants, Exit.void)
    yield* each(({ layer: { digest }, partial: kept, keeps }) =>
      keeps && blobs !== undefined ? blobs.keep(digest, kept) : store.unlessWanted(digest, kept.discard)
    )
    for (const { digest, diffId } of layers.values()) {
      const { inflated = 0, entries = 0 } = done.get(digest) ?? {}
      emit({ _tag: "LayerDone", digest, diffId, path, inflated, entries })
    }
  }, Effect.scoped)
}
