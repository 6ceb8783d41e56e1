import { defaultLimits, filled, type Limits, type Some } from "../api/config.ts"
import type { EntryHeader } from "../layer/Entry.ts"
import { selectionOf } from "../layer/tree/Selection.ts"
import { makeLayerApplier } from "../read/tree/merge/applyLayer.ts"
import { MergedTree, type Node } from "../read/tree/merge/MergedTree.ts"
import { Plan } from "../read/tree/plan/Plan.ts"
import { linksTo, withoutBodies } from "../read/tree/source/treeCursor.ts"

export interface MergeOptions {
  /** These paths and what is beneath them. Default: everything. */
  readonly only?: string | ReadonlyArray<string> | undefined
  /** Leading components of paths that are dropped. Default 0. */
  readonly strip?: number | undefined
  /** Bounds on what the layers may demand. Default: `defaultLimits`. */
  readonly limits?: Some<Limits> | undefined
}

export interface MergedEntry {
  /** The path is one from the root, without a slash at its beginning or end. */
  readonly header: EntryHeader
  /** Index of the layer that it is from: 0 is the lowest. -1 for a directory that no entry describes. */
  readonly layer: number
  /** Which entry of that layer's archive has the body, counted from 0; absent for an entry without a body. */
  readonly ordinal?: number
}

/**
 * The headers of layers, the lowest layer first, each in the order of its archive → the tree that a container sees: each path once,
 * whiteouts applied, in an order that an archive can be written in. Of several names of a file the first has it, and the others are hard
 * links to that one, behind it.
 *
 * Throws what an extraction into `rootfs` fails with: `UnsafeEntry`, `LimitExceeded`; and `InvalidOption` where `strip` makes one path
 * of two. Reads no bodies. Costs some microseconds an entry; holds the whole tree without bodies.
 */
export const merge = (
  layers: Iterable<Iterable<EntryHeader>>,
  { limits, ...options }: MergeOptions = {}
): ReadonlyArray<MergedEntry> => {
  const tree = new MergedTree(true)
  let layer = 0
  for (const headers of layers) {
    const applier = makeLayerApplier({ tree, layer, digest: `(layer ${layer})`, limits: filled(defaultLimits, limits) })
    let ordinal = 0
    for (const header of headers) applier.entry(header, ordinal++)
    applier.finish()
    layer += 1
  }
  const plan = new Plan(tree, selectionOf(options))
  const merged: Array<MergedEntry> = []
  const add = ({ header, layer }: MergedEntry) => merged.push({ header, layer })
  for (const entry of withoutBodies(plan)) add(entry)
  const file = (node: Node) => {
    merged.push({ header: plan.headerOf(node), layer: tree.layerOf(node), ordinal: tree.ordinalOf(node) })
    for (const link of linksTo(plan, node)) add(link)
  }
  for (const [, nodes] of [...plan.files()].sort(([a], [b]) => b - a)) nodes.forEach(file)
  return merged
}
