/** The layouts `rootfs` and `erofs`: all layers of an image in one directory or one file, published by one rename. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as RcMap from "effect/RcMap"
import * as Scope from "effect/Scope"
import type { Reason } from "../../api/errors.ts"
import type { Digest } from "../../image/reference/Digest.ts"
import type { FoundImage, ResolvedLayer } from "../../registry/Registry.ts"
import { collectIfGrown } from "../../seams/v8/collectHeap.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import { noPartial } from "../../source/noPartial.ts"
import { Blobs } from "../../store/blobs/Blobs.ts"
import type { PartialBlob } from "../../store/blobs/PartialBlob.ts"
import { Locks } from "../../store/locks/Locks.ts"
import { mergedIn } from "../../store/trees/TreePaths.ts"
import { Trees } from "../../store/trees/Trees.ts"
import { emit, PullEvents } from "../events/PullEvents.ts"
import type { Permits } from "../flights/Downloads.ts"
import { fetchBlob } from "../layer/fetchBlob.ts"
import { missingFrom } from "../layer/layerState.ts"
import { isBlobMismatch, refetchOnMismatch } from "../layer/refetchOnMismatch.ts"
import { waitForLayer } from "../layer/waitForLayer.ts"
import { type BuildTree, type LockedLayer, mostAtOnce } from "./buildRootfs.ts"

/**
 * Locks all layers, in the same order as every other merge, so that two merges cannot deadlock. Returns scratch space
 * for each layer whose lock took too long: it is downloaded beside the lock's holder, without touching the holder's
 * files.
 */
const lockAll = Effect.fnUntraced(function* (
  source: ImageSource,
  layers: ReadonlyArray<ResolvedLayer>,
  manifest: Digest
) {
  const { place } = source
  const { tryLock } = yield* Locks
  const { scratchPartial } = yield* Blobs
  const { hasRootfs } = yield* Trees
  const unlocked = new Map<Digest, PartialBlob>()
  for (const layer of layers) {
    const { digest } = layer
    if (yield* tryLock(digest, { note: place })) continue
    yield* emit({ _tag: "LayerWaiting", digest })
    const isLocked = yield* waitForLayer({ layer, place, isDone: hasRootfs(manifest) })
    if (!isLocked) unlocked.set(digest, yield* scratchPartial(layer))
  }
  return unlocked
})

/** Emits `LayerDone` or `LayerCached` for each of `distinct` once the merged tree is published. */
export const mergeLayers = Effect.fn("ociflow.rootfs")(function* (
  source: ImageSource,
  image: FoundImage,
  distinct: ReadonlyArray<ResolvedLayer>,
  permits: Permits,
  build: BuildTree
) {
  const locks = yield* Locks
  const trees = yield* Trees
  const blobs = yield* Blobs
  const listener = yield* PullEvents
  const manifest = image.manifest.descriptor.digest
  const path = trees.rootfsPath(manifest)
  const made = mergedIn(path, trees.paths.variant)
  const layers = new Map(distinct.map((layer) => [layer.digest, layer]))

  // A merge of up to `mostAtOnce` layers holds all their locks. A larger one locks a few at a time, so no other may
  // run.
  const isLarge = distinct.length > mostAtOnce
  const [lowest] = distinct
  const waiting = (digest: Digest) => () => listener({ _tag: "LayerWaiting", digest })
  yield* locks.lockMerge(isLarge, lowest === undefined ? undefined : waiting(lowest.digest))
  const byDigest = isLarge ? [] : distinct.toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
  // Marks the blobs as wanted: a process that has their locks then keeps what it downloads, for us.
  const wants = yield* Scope.fork(yield* Effect.scope)
  if (source.isRemote) for (const { digest } of byDigest) yield* Scope.provide(locks.want(digest), wants)
  const unlocked = yield* lockAll(source, byDigest, manifest)

  const isPublished = yield* trees.hasRootfs(manifest)
  // Without a fingerprint, perhaps after a power cut, the tree may be damaged too.
  const isProven = isPublished && (yield* trees.fingerprints.find(path)) !== undefined
  const resumed = new Set<Digest>()
  const opened = new Set<Digest>()
  const openLayer = Effect.fnUntraced(function* (digest: Digest) {
    const layer = layers.get(digest)
    if (layer === undefined) return yield* Effect.die(new Error(`${digest} is not a layer of the image`))
    if (isLarge) yield* locks.lock(digest, { onWait: waiting(digest), note: source.place })
    const keeps = (yield* missingFrom(layer)) !== undefined
    const isWanted = keeps || (source.isRemote && !isProven)
    const partial = isWanted ? (unlocked.get(digest) ?? (yield* blobs.partial(layer))) : noPartial
    if (!opened.has(digest) && partial.size() > 0) resumed.add(digest)
    opened.add(digest)
    collectIfGrown()
    const locked: LockedLayer = { source, layer, partial, keeps }
    return locked
  })
  const open = yield* RcMap.make({ lookup: openLayer })
  const each = <R>(work: (layer: LockedLayer) => Effect.Effect<void, Reason, R>) =>
    Effect.forEach(layers.keys(), (digest) => Effect.scoped(Effect.flatMap(RcMap.get(open, digest), work)), {
      discard: true
    })

  if (isProven)
    return yield* each(
      Effect.fnUntraced(function* (locked) {
        const { digest } = locked.layer
        if (locked.keeps && blobs.layout !== undefined)
          yield* fetchBlob(locked, blobs.layout).pipe(refetchOnMismatch(locked))
        else if (!unlocked.has(digest)) yield* blobs.removePartial(digest)
        yield* emit({ _tag: "LayerCached", digest, path: made })
      })
    )

  let again = false
  // Tries again if the wrong bytes were kept by an earlier pull (now discarded) or sent by a mirror (now skipped).
  const refuse = Effect.fnUntraced(function* ({ layer: { digest }, partial }: LockedLayer, reason: Reason) {
    if (!isBlobMismatch(reason)) return
    const canRetry = yield* source.reportMismatch(digest, listener)
    yield* partial.discard
    again = resumed.delete(digest) || canRetry
  })
  const digests = image.layers.map(({ digest }) => digest)
  // A layer applied directly over itself changes nothing.
  const turns = digests.filter((digest, index) => digests[index - 1] !== digest)
  const attempt = Effect.suspend(() => {
    again = false
    return build({ source, image, isUnproven: isPublished, turns, layers: open, permits, refuse })
  })
  const done = yield* Effect.retry(attempt, { times: layers.size, while: () => again })

  for (const { digest, diffId } of distinct) yield* trees.proofs.keep(digest, diffId)
  yield* Scope.close(wants, Exit.void)
  yield* each(({ layer: { digest }, partial, keeps }) =>
    keeps && blobs.layout !== undefined
      ? blobs.layout.keep(digest, partial)
      : locks.unlessWanted(digest, partial.discard)
  )
  for (const { digest, diffId } of distinct) {
    const { inflated = 0, entries = 0 } = done.get(digest) ?? {}
    yield* emit({ _tag: "LayerDone", digest, diffId, path: made, inflated, entries })
  }
}, Effect.scoped)
