/** Merges the layers of an image, as many as the selection needs, and plans in which order its entries are read. */
import * as Effect from "effect/Effect"
import type { Limits } from "../../../api/config.ts"
import type { Selection } from "../../../layer/tree/Selection.ts"
import type { FoundImage } from "../../../registry/Registry.ts"
import type { ImageSource } from "../../../source/ImageSource.ts"
import type { MergedTree } from "../merge/MergedTree.ts"
import { unknownOf } from "../merge/selection.ts"
import { Plan } from "../plan/Plan.ts"
import { fromPromise } from "./fromPromise.ts"
import { type MergeOptions, mergeImage } from "./mergeImage.ts"

export const planImage = Effect.fnUntraced(function* <R = never>(
  source: ImageSource,
  image: FoundImage,
  selection: Selection,
  limits: Limits,
  options: Omit<MergeOptions<R>, "unknown"> = {}
) {
  // Of a whole tree all layers are needed.
  const unknown = selection.only === undefined ? undefined : (tree: MergedTree) => unknownOf(tree, selection)
  const merged = yield* mergeImage(source, image, limits, { ...options, unknown })
  const plan = yield* fromPromise(async () => new Plan(merged.tree, selection))
  merged.tree.seal()
  return { merged, plan }
})
