/** The disk image of a plan: its tables take the names and facts of the merged tree as they are, so that nothing is there twice. */
import { ErofsTree, type OnXattrDropped } from "../../erofs/ErofsTree.ts"
import type { Ino } from "../../erofs/format/InodeTable.ts"
import { type ErofsPlan, planErofs } from "../../erofs/planErofs.ts"
import { Turns } from "../../erofs/Turns.ts"
import { implied } from "../../layer/metadata/ownership.ts"
import { root } from "./merge/MergedTree.ts"
import { placesOf } from "./plan/inOrder.ts"
import type { Plan } from "./plan/Plan.ts"
import { canonicalAttributes } from "./source/orderedCursor.ts"

export interface PlannedInodes {
  readonly erofs: ErofsPlan
  /** For each inode of the merged tree that is not a directory, the inode in the disk image. */
  readonly inodes: Uint32Array
}

export interface PlanOptions {
  /** Goes into the image's UUID. */
  readonly identity: string
  readonly onXattrDropped: OnXattrDropped
  readonly signal: AbortSignal
}

export const planInodes = async (
  plan: Plan,
  { identity, onXattrDropped, signal }: PlanOptions
): Promise<PlannedInodes> => {
  const { tree } = plan
  const { facts, names } = tree
  const inodes = new Uint32Array(facts.length)
  let current = root
  const image = new ErofsTree({ names: names.index, facts, path: () => plan.pathOf(current), onXattrDropped })
  const attributesOf = (row: number) => canonicalAttributes(facts.xattrs(row))
  const top = plan.root === undefined ? facts.add(implied, 0) : tree.inodeOf(root)
  /** The directories above what comes, by their depth. */
  const above: Array<Ino> = [image.addRoot(top, attributesOf(top))]
  const turns = new Turns(signal)
  for (const { node, isGiven, depth, others } of placesOf(plan)) {
    current = node
    const parent = above[depth] ?? 0
    const row = tree.inodeOf(node)
    if (!isGiven) above[depth + 1] = image.addImplied(parent, node)
    else if (tree.isDirectory(node)) above[depth + 1] = image.addDirectory(parent, node, row, attributesOf(row))
    else {
      if (others.length > 0) throw image.unsupported("other entries are beneath it, but it is not a directory")
      const first = inodes[row] ?? 0
      if (first > 0) image.addLink(parent, node, first)
      else inodes[row] = image.addLeaf(parent, node, row, attributesOf(row))
    }
    const turn = turns.take()
    if (turn !== undefined) await turn
  }
  return { erofs: await planErofs(image, turns, identity), inodes }
}
