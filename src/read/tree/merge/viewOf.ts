import type { View } from "../../../layer/tree/findPath.ts"
import { childOf, type Leaf, type MergedTree, type Node, root } from "./MergedTree.ts"

/** A merged tree, for who looks for a path: what layers that were not read may hold is not known. */
export const viewOf = (tree: MergedTree): View<Node, Leaf> => ({
  root,
  child: (directory, name) => {
    const child = childOf(tree, directory, name)
    if (typeof child === "string") return child
    if (tree.isDirectory(child)) return { _tag: "Directory", directory: child }
    return { _tag: "Leaf", leaf: tree.leafOf(child), target: tree.targetOf(child) }
  }
})
