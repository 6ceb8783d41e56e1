/** What the store holds of a layer, before and after it is pulled. */
import * as Effect from "effect/Effect"
import { DigestMismatch, type Reason } from "../../api/errors.ts"
import type { ResolvedLayer } from "../../registry/Registry.ts"
import { Blobs } from "../../store/blobs/Blobs.ts"
import { Trees } from "../../store/trees/Trees.ts"

/**
 * `proven`: there is a tree, and a record of the archive that it was made from. `unproven`: there is a tree, but its
 * record is lost, perhaps by a power cut.
 */
export type LayerState = "absent" | "unproven" | "proven"

/**
 * Fails with `DigestMismatch` if the tree was made from another archive than the image names.
 */
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

/** The layout that this blob is missing from; `undefined` if blobs are not kept, or it is there. */
export const missingFrom = Effect.fnUntraced(function* (layer: ResolvedLayer) {
  const { layout } = yield* Blobs
  return layout !== undefined && !(yield* layout.has(layer)) ? layout : undefined
})

/**
 * The path of the layer's tree, of another blob's with the same archive, or of one that was made by `table`: the digest of the layer's table of
 * contents, where that is enough. `undefined` if it is to be extracted.
 */
export const standingTree = Effect.fnUntraced(function* (
  { digest, diffId }: ResolvedLayer,
  state: LayerState,
  table?: string
) {
  const trees = yield* Trees
  if (state === "proven") return trees.layerPath(digest)
  const same = state === "absent" ? yield* trees.treeOf(diffId) : undefined
  return same === undefined && table !== undefined ? yield* trees.treeOfTable(table) : same
})

/** Whether the layer, and its blob if blobs are kept, is in the store. */
export const isDone = Effect.fnUntraced(function* (layer: ResolvedLayer, table?: string) {
  if ((yield* missingFrom(layer)) !== undefined) return false
  return (yield* standingTree(layer, yield* layerState(layer), table)) !== undefined
})
