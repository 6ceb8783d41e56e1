/** Layers as test entries, merged in memory, and what became of them as data. */
import { defaultLimits } from "../../src/api/config.ts"
import { makeLayerApplier } from "../../src/read/tree/merge/applyLayer.ts"
import { MergedTree, type Node, root } from "../../src/read/tree/merge/MergedTree.ts"
import type { TestEntry } from "./entries.ts"

export type Layers = ReadonlyArray<ReadonlyArray<TestEntry>>

/** `from`: the lowest layer that is applied; what is beneath it is left open. */
export const mergeInMemory = (layers: Layers, from = 0): MergedTree => {
  const tree = new MergedTree(from === 0)
  for (const [layer, entries] of layers.entries()) {
    if (layer < from) continue
    const applier = makeLayerApplier({ tree, layer, digest: "sha256:0123", limits: defaultLimits })
    for (const [ordinal, { body, ...header }] of entries.entries()) applier.entry(header, ordinal)
    applier.finish()
  }
  return tree
}

const described = (layers: Layers, tree: MergedTree, node: Node): string => {
  if (tree.isDirectory(node)) return "/"
  const { type, linkPath } = tree.factsOf(node)
  if (type === "symlink") return ` -> ${Buffer.from(linkPath, "latin1").toString()}`
  return ` = ${layers[tree.layerOf(node)]?.[tree.ordinalOf(node)]?.body?.toString() ?? ""}`
}

/** In the form of `outline`. */
export const outlineOf = (layers: Layers, tree: MergedTree): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const visit = (node: Node, path: string) => {
    if (path !== "") lines.push(`${Buffer.from(path, "latin1").toString()}${described(layers, tree, node)}`)
    for (const child of tree.names.in(node)) {
      const name = tree.names.nameOf(child)
      visit(child, path === "" ? name : `${path}/${name}`)
    }
  }
  visit(root, "")
  return lines.sort()
}
