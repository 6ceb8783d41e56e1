/**
 * One attempt to merge an image's layers into a new directory, lowest first. The lowest is applied while it is
 * downloaded. Meanwhile those above it are downloaded to partial blobs, and then applied in turn:
 *
 *     layer 1   download and apply
 *     layer 2   download ┄┄┄┄┄┄┄┄ apply
 *     layer 3     download ┄┄┄┄┄┄┄┄┄┄┄ apply ▸ publish by rename
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as RcMap from "effect/RcMap"
import { identity } from "rxjs"
import type { Reason } from "../../api/errors.ts"
import type { Digest } from "../../image/reference/Digest.ts"
import { type Extracted, ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import type { FoundImage } from "../../registry/Registry.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import { Staging } from "../../store/trees/Staging.ts"
import { Trees } from "../../store/trees/Trees.ts"
import { PullEvents } from "../events/PullEvents.ts"
import { inLayerSpan } from "../events/spans.ts"
import type { Permits } from "../flights/Downloads.ts"
import { type ExtractLayerOptions, extractLayer } from "../layer/extractLayer.ts"
import { downloadBlob } from "../layer/fetchBlob.ts"
import type { LayerDownload } from "../layer/LayerDownload.ts"
import { startOf } from "../layer/layerArrival.ts"
import type { Services } from "../services.ts"
import { publishTree } from "./publishTree.ts"

/** Most layers that are downloaded, or wait for their turn, at once. This bounds the open locks and files. */
export const mostAtOnce = 64

/** A layer under its lock. */
export interface LockedLayer extends LayerDownload {
  /** The blob is kept (`keepBlobs`) after the layer has been applied. */
  readonly keeps: boolean
}

export interface Attempt {
  readonly source: ImageSource
  readonly image: FoundImage
  /** There is a tree with this name, but no fingerprint of it. */
  readonly isUnproven: boolean
  /** In manifest order: a layer that is repeated is applied each time. */
  readonly turns: ReadonlyArray<Digest>
  readonly layers: RcMap.RcMap<Digest, LockedLayer, Reason>
  readonly permits: Permits
  /** Called when a layer cannot be applied. */
  readonly refuse: (layer: LockedLayer, reason: Reason) => Effect.Effect<void, Reason>
}

const apply = Effect.fnUntraced(function* (directory: string, layer: LockedLayer, options: ExtractLayerOptions) {
  const isFetched = layer.source.isRemote && layer.partial.size() === layer.layer.size
  const applying = extractLayer(layer, directory, options)
  if (!isFetched) return yield* applying
  const emit = yield* PullEvents
  return yield* Effect.provideService(applying, PullEvents, (event) =>
    emit(event._tag === "LayerProgress" ? { ...event, received: event.size } : event)
  )
})

/** Makes a merged tree and gives it its name. Returns the counts of each layer, by its digest. */
export type BuildTree = (
  attempt: Attempt
) => Effect.Effect<ReadonlyMap<string, Pick<Extracted, "inflated" | "entries">>, Reason, Services>

/** The counts are those of each layer's last turn. */
export const buildRootfs: BuildTree = Effect.fnUntraced(function* (attempt: Attempt) {
  const { image, isUnproven, turns, layers, permits, refuse } = attempt
  const manifest = image.manifest.descriptor.digest
  const pool = yield* ExtractionPool
  const directory = yield* (yield* Staging).stage
  yield* Effect.addFinalizer(() => pool.settled(directory))
  const applied = turns.map(() => Deferred.makeUnsafe<void>())
  const done = new Map<Digest, Extracted>()

  const step = Effect.fnUntraced(function* (layer: LockedLayer, index: number) {
    const { digest } = layer.layer
    const isFirst = turns.indexOf(digest) === index
    const started = isFirst ? startOf(layer, yield* PullEvents) : () => {}
    const applying = apply(directory, layer, { hasLower: index > 0, started }).pipe(
      Effect.tapError((reason) => refuse(layer, reason))
    )
    const before = applied[index - 1]
    if (before === undefined) done.set(digest, yield* permits.withPermit(applying))
    else {
      // The download is verified when it is applied, not here. A layer from a file needs no download.
      if (isFirst && layer.source.isRemote) yield* permits.withPermit(downloadBlob(layer, identity, started))
      yield* Deferred.await(before)
      done.set(digest, yield* applying)
    }
    const mine = applied[index]
    if (mine !== undefined) yield* Deferred.succeed(mine, undefined)
  })
  const inTurn = Effect.fnUntraced(function* (digest: Digest, index: number) {
    const layer = yield* RcMap.get(layers, digest)
    yield* step(layer, index).pipe(inLayerSpan(layer.layer))
  }, Effect.scoped)

  yield* Effect.forEach(turns, inTurn, { concurrency: mostAtOnce, discard: true })
  const path = (yield* Trees).rootfsPath(manifest)
  yield* publishTree({ digest: manifest, directory, path, isUnproven })
  return done
}, Effect.scoped)
