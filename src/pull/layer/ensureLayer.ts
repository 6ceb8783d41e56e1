/** Makes sure that a layer is in the store: its tree, and its blob where blobs are kept. */
import * as Effect from "effect/Effect"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import type { ResolvedLayer } from "../../registry/Registry.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import { noPartial } from "../../source/noPartial.ts"
import { Blobs } from "../../store/blobs/Blobs.ts"
import { Staging } from "../../store/trees/Staging.ts"
import { Trees } from "../../store/trees/Trees.ts"
import { emit } from "../events/PullEvents.ts"
import { inLayerSpan } from "../events/spans.ts"
import { extractLayer } from "./extractLayer.ts"
import { fetchBlob } from "./fetchBlob.ts"
import type { LayerDownload } from "./LayerDownload.ts"
import { isDone, layerState, missingFrom, standingTree } from "./layerState.ts"
import type { PartialLayers } from "./PartialLayers.ts"
import { refetchOnMismatch } from "./refetchOnMismatch.ts"

/** blob bytes ▸ verify digest ▸ decompress ▸ verify diffID ▸ untar ▸ apply ▸ publish by rename */
const extract = Effect.fnUntraced(function* (download: LayerDownload, isUnproven: boolean) {
  const trees = yield* Trees
  const pool = yield* ExtractionPool
  const { digest, diffId } = download.layer
  const directory = yield* (yield* Staging).stage
  yield* Effect.addFinalizer(() => pool.settled(directory))
  const { fingerprint, ...counts } = yield* extractLayer(download, directory)
  // Without the lock, another pull may have published the layer meanwhile.
  const replaces = isUnproven && (yield* layerState(download.layer)) === "unproven"
  const path = trees.layerPath(digest)
  yield* trees.proofs.keep(digest, diffId)
  const keep = fingerprint === undefined ? Effect.void : trees.fingerprints.keep(path, fingerprint)
  if (!replaces) {
    yield* keep
    yield* trees.publish(directory, path)
  } else if (yield* trees.replace(directory, { digest, path })) yield* keep
  // A program holds the old tree, which stays and is not the one that was verified.
  else yield* trees.proofs.forget(digest)
  return { ...counts, path }
}, Effect.scoped)

const ensure = Effect.fnUntraced(function* (
  source: ImageSource,
  layer: ResolvedLayer,
  isLocked: boolean,
  partials: PartialLayers | undefined
) {
  const { digest, diffId } = layer
  const blobs = yield* Blobs
  const keptIn = yield* missingFrom(layer)
  const state = yield* layerState(layer)
  // A blob that is kept is read as a whole, so that what it contains is proven.
  const there =
    state === "proven" || keptIn === undefined ? yield* standingTree(layer, state, partials?.tableOf(layer)) : undefined
  if (there !== undefined && keptIn === undefined) {
    if (isLocked) yield* blobs.removePartial(digest)
    return yield* emit({ _tag: "LayerCached", digest, path: there })
  }
  const isKept = source.isRemote || keptIn !== undefined
  const partial = isKept ? yield* isLocked ? blobs.partial(layer) : blobs.scratchPartial(layer) : noPartial
  const download = { source, layer, partial }
  if (there !== undefined) {
    if (keptIn !== undefined) yield* fetchBlob(download, keptIn).pipe(refetchOnMismatch(download))
    return yield* emit({ _tag: "LayerCached", digest, path: there })
  }
  // A layout keeps whole blobs.
  const byTable = blobs.layout === undefined ? yield* partials?.pull(source, layer) ?? Effect.undefined : undefined
  const { inflated, entries, path } =
    byTable?.done ?? (yield* extract(download, state === "unproven").pipe(refetchOnMismatch(download)))
  if (byTable !== undefined) yield* byTable.keepIndex
  yield* keptIn === undefined ? partial.discard : keptIn.keep(digest, partial)
  yield* emit({ _tag: "LayerDone", digest, diffId, path, inflated, entries })
}, Effect.scoped)

/**
 * Works under the layer's lock, or else beside its holder, without touching the holder's files. If it fails, another
 * pull, perhaps from another registry, may have published the layer meanwhile: then that one is used.
 */
export const ensureLayer = (
  source: ImageSource,
  layer: ResolvedLayer,
  isLocked: boolean,
  partials: PartialLayers | undefined
) => {
  const ensuring = ensure(source, layer, isLocked, partials).pipe(inLayerSpan(layer))
  return Effect.catch(ensuring, (reason) =>
    Effect.orElseSucceed(isDone(layer, partials?.tableOf(layer)), () => false).pipe(
      Effect.flatMap((isThere) => (isThere ? ensuring : Effect.fail(reason)))
    )
  )
}
