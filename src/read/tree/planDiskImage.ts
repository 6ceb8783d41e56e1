/** Computes where everything of a merged image is in its disk image, from headers alone. */
import * as Effect from "effect/Effect"
import type { ErofsPlan } from "../../erofs/planErofs.ts"
import { warnOfAttributes } from "../../erofs/warnOfAttributes.ts"
import { PullEvents } from "../../pull/events/PullEvents.ts"
import { collectHeap } from "../../seams/v8/collectHeap.ts"
import type { Plan } from "./plan/Plan.ts"
import { planInodes } from "./planInodes.ts"
import { fromPromise } from "./source/fromPromise.ts"
import type { LayerSpool } from "./source/LayerSpool.ts"
import type { MergedImage } from "./source/mergeImage.ts"
import { type Pieces, piecesFromEnd } from "./spoolCopies.ts"

export interface DiskImagePlan {
  /** What the image is called by: the manifest's digest. */
  readonly digest: string
  readonly erofs: ErofsPlan
  /** The bytes of all files together. */
  readonly bytes: number
  /** What of a spool goes where. */
  readonly pieces: ReadonlyArray<readonly [LayerSpool, Iterable<Pieces>]>
}

export const planDiskImage = Effect.fnUntraced(function* (
  plan: Plan,
  { spools }: Pick<MergedImage, "spools">,
  digest: string
) {
  const { tree } = plan
  // What is handed on holds the facts, and not the rest of the tree.
  const { facts } = tree
  const onXattrDropped = warnOfAttributes(yield* PullEvents)
  const planned = yield* fromPromise((signal) => planInodes(plan, { identity: digest, onXattrDropped, signal }))
  const pieces: Array<DiskImagePlan["pieces"][number]> = []
  let bytes = 0
  for (const [layer, files] of plan.files()) {
    const spool = spools.get(layer)
    if (spool === undefined) return yield* Effect.die(new Error(`the bodies of layer ${layer} were not kept`))
    const rows = files.map((node) => tree.inodeOf(node))
    for (const row of rows) bytes += facts.size(row)
    pieces.push([spool, piecesFromEnd(facts, rows, planned)])
  }
  collectHeap()
  const result: DiskImagePlan = { digest, erofs: planned.erofs, bytes, pieces }
  return result
})
