/** Computes where everything of a merged image is in its disk image, from headers alone. The tree is not needed afterwards. */
import * as Effect from "effect/Effect"
import type { Emit } from "../../api/events.ts"
import { ErofsTree } from "../../erofs/ErofsTree.ts"
import { positionOf } from "../../erofs/erofsImage.ts"
import { type ErofsPlan, planErofs } from "../../erofs/planErofs.ts"
import { Turns } from "../../erofs/Turns.ts"
import { warnOfAttributes } from "../../erofs/warnOfAttributes.ts"
import { PullEvents } from "../../pull/events/PullEvents.ts"
import { collectHeap } from "../../seams/readBuffers.ts"
import type { Plan } from "./plan/Plan.ts"
import { fromPromise } from "./source/fromPromise.ts"
import type { LayerSpool } from "./source/LayerSpool.ts"
import type { MergedImage } from "./source/mergeImage.ts"
import { stepsOf } from "./source/orderedCursor.ts"

export interface DiskImagePlan {
  /** What the image is called by: the manifest's digest. */
  readonly digest: string
  readonly erofs: ErofsPlan
  /** What of a spool goes where: three numbers for each piece, as `copyRanges$` takes them. */
  readonly ranges: ReadonlyArray<readonly [LayerSpool, Float64Array]>
}

const planInodes = async (plan: Plan, identity: string, emit: Emit, signal: AbortSignal) => {
  const tree = new ErofsTree(warnOfAttributes(emit))
  const turns = new Turns()
  /** By inode of the merged tree: that of the image. */
  const inodes = new Uint32Array(plan.tree.facts.length)
  for (const { header, file } of stepsOf(plan)) {
    tree.add(header)
    // The directories above it are there, so that the last inode is its own.
    if (file !== undefined) inodes[plan.tree.inodeOf(file)] = tree.inodes.length - 1
    const turn = turns.takeOfEntry()
    if (turn !== undefined) await turn
    signal.throwIfAborted()
  }
  return { erofs: await planErofs(tree, turns, identity), inodes }
}

/** `files`: of one layer, in the order of its archive. */
const rangesOf = ({ tree }: Plan, files: Uint32Array, erofs: ErofsPlan, inodes: Uint32Array): Float64Array => {
  const { facts } = tree
  const piecesOf = (inode: number) => facts.sparse(inode)?.length ?? 1
  const pieces = files.reduce((sum, node) => sum + piecesOf(tree.inodeOf(node)), 0)
  const ranges = new Float64Array(3 * pieces)
  let filled = 0
  for (const node of files) {
    const inode = tree.inodeOf(node)
    const position = positionOf(erofs, inodes[inode] ?? 0)
    let at = facts.bodyAt(inode)
    for (const { offset, length } of facts.sparse(inode) ?? [{ offset: 0, length: facts.size(inode) }]) {
      ranges[filled++] = at
      ranges[filled++] = length
      ranges[filled++] = position + offset
      at += length
    }
  }
  return ranges
}

export const planDiskImage = Effect.fnUntraced(function* (
  plan: Plan,
  { spools }: Pick<MergedImage, "spools">,
  digest: string
) {
  const emit = yield* PullEvents
  const { erofs, inodes } = yield* fromPromise((signal) => planInodes(plan, digest, emit, signal))
  const ranges: Array<DiskImagePlan["ranges"][number]> = []
  for (const [layer, files] of plan.files()) {
    const spool = spools.get(layer)
    if (spool === undefined) return yield* Effect.die(new Error(`the bodies of layer ${layer} were not kept`))
    ranges.push([spool, rangesOf(plan, files, erofs, inodes)])
  }
  collectHeap()
  const planned: DiskImagePlan = { digest, erofs, ranges }
  return planned
})
