/** Layers as test entries, merged in memory, and what became of them as data. */
import { defaultLimits } from "../../src/api/config.ts"
import { makeLayerApplier } from "../../src/read/tree/merge/applyLayer.ts"
import { emptyTree, isBranch, type MergedTree, type Node } from "../../src/read/tree/merge/MergedTree.ts"
import type { TestEntry } from "./entries.ts"

export type Layers = ReadonlyArray<ReadonlyArray<TestEntry>>

/** `from`: the lowest layer that is applied; what is beneath it is left open. */
export const mergeInMemory = (layers: Layers, from = 0): MergedTree => {
  const tree = emptyTree(from === 0)
  for (const [layer, entries] of layers.entries()) {
    if (layer < from) continue
    const applier = makeLayerApplier({ tree, layer, digest: "sha256:0123", limits: defaultLimits })
    for (const [ordinal, { body, ...header }] of entries.entries()) applier.entry(header, ordinal)
    applier.finish()
  }
  return tree
}

const described = (layers: Layers, node: Node): string => {
  if (isBranch(node)) return "/"
  const { type, linkPath } = node.facts
  if (type === "symlink") return ` -> ${Buffer.from(linkPath, "latin1").toString()}`
  return ` = ${layers[node.layer]?.[node.ordinal]?.body?.toString() ?? ""}`
}

/** In the form of `outline`. */
export const outlineOf = (layers: Layers, { root }: MergedTree): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const visit = (node: Node, path: string) => {
    if (path !== "") lines.push(`${Buffer.from(path, "latin1").toString()}${described(layers, node)}`)
    if (!isBranch(node)) return
    for (const [name, child] of node.children) visit(child, path === "" ? name : `${path}/${name}`)
  }
  visit(root, "")
  return lines.sort()
}
