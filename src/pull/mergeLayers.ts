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
import type * as Semaphore from "effect/Semaphore"
import { isReason, type Reason } from "../api/errors.ts"
import type { Emit } from "../api/events.ts"
import type { Digest } from "../image/reference/Digest.ts"
import type { Extracted, ExtractionPool } from "../layer/pool/ExtractionPool.ts"
import { drain } from "../reactive/bridge.ts"
import { Gate } from "../reactive/Gate.ts"
import type { FoundImage, ResolvedLayer } from "../registry/Registry.ts"
import type { ImageSource } from "../source/ImageSource.ts"
import { nothingKept } from "../source/nothingKept.ts"
import type { Store } from "../store/Store.ts"
import { believing } from "./believing.ts"
import { doubtsBytes } from "./doubtsBytes.ts"
import { extractLayer, layerBytes$, type Wanted } from "./extractLayer.ts"
import { arrive, fetchBlob } from "./fetchBlob.ts"

export interface MergeOptions {
  readonly store: Store["Service"]
  readonly pool: ExtractionPool["Service"]
  readonly downloads: Semaphore.Semaphore
}

/** Layers that are fetched, or wait for their turn, at once. */
const mostAtOnce = 64

interface Part extends Wanted {
  /** The blob is to stay when the layer is done. */
  readonly keeps: boolean
  /** What its last turn has done. */
  done: Extracted | undefined
}

export const makeMerge = ({ store, pool, downloads }: MergeOptions) => {
  /** Ahead of its turn. Nothing is proven here: that is done when it is applied. */
  const fetch = (part: Part, emit: Emit) => arrive(layerBytes$(part, new Gate(), emit), part.layer, emit)

  const apply = (directory: string, part: Part, emit: Emit) =>
    Effect.suspend(() => {
      const fetched = part.source.isRemote && part.kept.size() === part.layer.size
      return extractLayer(pool, part, directory, (event) =>
        emit(fetched && event._tag === "LayerProgress" ? { ...event, received: event.size } : event)
      )
    })

  /** One attempt, in a fresh directory. `turns` in manifest order: a layer that is repeated is applied each time. */
  const build = Effect.fnUntraced(function* (
    manifest: Digest,
    unproven: boolean,
    turns: ReadonlyArray<Part>,
    refuse: (part: Part, reason: Reason) => Effect.Effect<void, Reason>,
    emit: Emit
  ) {
    const directory = yield* store.stage(manifest)
    yield* Effect.addFinalizer(() => pool.settled(directory))
    const over = turns.map(() => Deferred.makeUnsafe<void>())
    const step = Effect.fnUntraced(function* (part: Part, index: number) {
      const { digest, size } = part.layer
      const applying = apply(directory, part, emit).pipe(Effect.tapError((reason) => refuse(part, reason)))
      const isFirst = turns.indexOf(part) === index
      if (isFirst) emit({ _tag: "LayerStarted", digest, size, offset: part.kept.size() })
      const before = over[index - 1]
      if (before === undefined) part.done = yield* downloads.withPermit(applying)
      else {
        // What is a file already waits where it is.
        if (isFirst && part.source.isRemote) yield* downloads.withPermit(Effect.suspend(() => fetch(part, emit)))
        yield* Deferred.await(before)
        part.done = yield* applying
      }
      const mine = over[index]
      if (mine !== undefined) yield* Deferred.succeed(mine, undefined)
    })
    yield* Effect.forEach(turns, step, { concurrency: mostAtOnce, discard: true })
    const fingerprint = yield* drain(isReason)(pool.fingerprint$({ digest: manifest, directory }))
    if (fingerprint !== undefined) yield* store.fingerprints.keep(store.rootfsPath(manifest), fingerprint)
    const path = store.rootfsPath(manifest)
    if (unproven) yield* store.replaceTree(directory, { digest: manifest, path })
    else yield* store.publishRootfs(directory, manifest)
  }, Effect.scoped)

  /** Tells of each layer of `distinct` when all of them have their name. */
  return Effect.fn("ociflow.rootfs")(function* (
    source: ImageSource,
    image: FoundImage,
    distinct: ReadonlyArray<ResolvedLayer>,
    emit: Emit
  ) {
    const manifest = image.manifest.descriptor.digest
    // All at once, in an order that every other such pull keeps to: two that each hold what the other needs would wait for ever.
    const byDigest = distinct.toSorted((a, b) => (a.digest < b.digest ? -1 : 1))
    for (const { digest } of byDigest) yield* store.lock(digest, () => emit({ _tag: "LayerWaiting", digest }))
    const { blobs } = store
    const path = store.rootfsPath(manifest)
    const stands = yield* store.hasRootfs(manifest)
    // A power cut may have taken what is known of it, and more.
    const isThere = stands && (yield* store.fingerprints.find(path)) !== undefined
    const parts = new Map<string, Part>()
    const resumed = new Set<Part>()
    for (const layer of distinct) {
      const keeps = blobs !== undefined && !(yield* blobs.has(layer))
      const isWanted = keeps || (source.isRemote && !isThere)
      const kept = isWanted ? yield* store.partial(layer) : nothingKept
      const part: Part = { source, layer, kept, keeps, done: undefined }
      parts.set(layer.digest, part)
      if (kept.size() > 0) resumed.add(part)
    }
    if (isThere) {
      for (const part of parts.values()) {
        const { layer, keeps } = part
        if (keeps && blobs !== undefined) yield* fetchBlob(part, blobs, emit).pipe(believing(part, emit))
        else yield* store.dropPartial(layer.digest)
        emit({ _tag: "LayerCached", digest: layer.digest, path })
      }
      return
    }
    // A layer over itself is that layer.
    const order = image.layers.filter(({ digest }, index) => image.layers[index - 1]?.digest !== digest)
    const turns = order.flatMap(({ digest }) => parts.get(digest) ?? [])
    let again = false
    // What was kept may have been wrong, and is gone then; or a mirror lied: the registry's own bytes get their chance.
    const refuse = Effect.fnUntraced(function* (part: Part, reason: Reason) {
      if (!doubtsBytes(reason)) return
      const lied = yield* source.doubt(part.layer.digest, emit)
      yield* part.kept.discard
      again = resumed.delete(part) || lied
    })
    const attempt = Effect.suspend(() => {
      again = false
      return build(manifest, stands, turns, refuse, emit)
    })
    yield* Effect.retry(attempt, { times: parts.size, while: () => again })
    for (const { layer } of parts.values()) yield* store.proofs.keep(layer.digest, layer.diffId)
    for (const { layer, kept, keeps } of parts.values())
      yield* keeps && blobs !== undefined ? blobs.keep(layer.digest, kept) : kept.discard
    for (const { layer, done } of parts.values()) {
      const { digest, diffId } = layer
      emit({ _tag: "LayerDone", digest, diffId, path, inflated: done?.inflated ?? 0, entries: done?.entries ?? 0 })
    }
  }, Effect.scoped)
}
