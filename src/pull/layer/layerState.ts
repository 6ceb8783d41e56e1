/** What the store holds of a layer, before and after it is pulled. */
import * as Effect from "effect/Effect"
import { DigestMismatch, type Reason } from "../../api/errors.ts"
import type { ResolvedLayer } from "../../registry/Registry.ts"
import { Blobs } from "../../store/blobs/Blobs.ts"
import { Trees } from "../../store/trees/Trees.ts"

/** `proven`: a tree is there with this very archive in it. `unproven`: what is known of it is lost, by a power cut perhaps. */
export type LayerState = "absent" | "unproven" | "proven"

/** Fails with `DigestMismatch` where the tree was made of another archive than the image says. */
export const layerState = Effect.fnUntraced(function* ({
  digest,
  diffId
}: ResolvedLayer): Effect.fn.Return<LayerState, Reason, Trees> {
  const trees = yield* Trees
  if (!(yield* trees.hasLayer(digest))) return "absent"
  const proven = yield* trees.proofs.find(digest)
  const isKnown = (yield* trees.fingerprints.find(trees.layerPath(digest))) !== undefined
  if (proven === undefined || (proven === diffId && !isKnown)) return "unproven"
  if (proven === diffId) return "proven"
  return yield* new DigestMismatch({ subject: "diffID", expected: diffId, actual: proven })
})

/** Where blobs are kept, if this one is to be kept and is not there yet. */
export const missingFrom = Effect.fnUntraced(function* (layer: ResolvedLayer) {
  const { layout } = yield* Blobs
  return layout !== undefined && !(yield* layout.has(layer)) ? layout : undefined
})

/** Nothing is left to be done for it. */
export const isDone = Effect.fnUntraced(function* (layer: ResolvedLayer) {
  return (yield* missingFrom(layer)) === undefined && (yield* layerState(layer)) === "proven"
})
