/** Computes where everything of a merged image is in its disk image, from headers alone. */
import * as Effect from "effect/Effect"
import type { ErofsPlan } from "../../erofs/planErofs.ts"
import { warnOfAttributes } from "../../erofs/warnOfAttributes.ts"
import { PullEvents } from "../../pull/events/PullEvents.ts"
import { collectHeap } from "../../seams/readBuffers.ts"
import type { Plan } from "./plan/Plan.ts"
import { type PlannedInodes, planInodes } from "./planInodes.ts"
import { fromPromise } from "./source/fromPromise.ts"
import type { LayerSpool } from "./source/LayerSpool.ts"
import type { MergedImage } from "./source/mergeImage.ts"

export interface DiskImagePlan {
  /** What the image is called by: the manifest's digest. */
  readonly digest: string
  readonly erofs: ErofsPlan
  /** What of a spool goes where, some at a time: three numbers for each piece, as `copyRanges$` takes them. */
  readonly ranges: ReadonlyArray<readonly [LayerSpool, Iterable<Float64Array>]>
}

/** Pieces that are copied by one message. */
const piecesAtOnce = 16_384

/** `rows`: the facts of the files of one layer, in the order of its archive. */
const rangesOf = function* (
  facts: Plan["tree"]["facts"],
  rows: Uint32Array,
  { erofs, inodes }: PlannedInodes
): Generator<Float64Array, undefined> {
  let ranges = new Float64Array(3 * Math.min(piecesAtOnce, rows.length))
  let filled = 0
  for (const row of rows) {
    const position = erofs.inodes.position(inodes[row] ?? 0)
    let at = facts.bodyAt(row)
    for (const { offset, length } of facts.sparse(row) ?? [{ offset: 0, length: facts.size(row) }]) {
      if (filled === ranges.length) {
        yield ranges
        ranges = new Float64Array(3 * piecesAtOnce)
        filled = 0
      }
      ranges[filled++] = at
      ranges[filled++] = length
      ranges[filled++] = position + offset
      at += length
    }
  }
  if (filled > 0) yield ranges.slice(0, filled)
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
  const ranges: Array<DiskImagePlan["ranges"][number]> = []
  for (const [layer, files] of plan.files()) {
    const spool = spools.get(layer)
    if (spool === undefined) return yield* Effect.die(new Error(`the bodies of layer ${layer} were not kept`))
    const rows = files.map((node) => tree.inodeOf(node))
    ranges.push([spool, { [Symbol.iterator]: () => rangesOf(facts, rows, planned) }])
  }
  collectHeap()
  const result: DiskImagePlan = { digest, erofs: planned.erofs, ranges }
  return result
})
