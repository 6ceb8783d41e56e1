import type { View } from "../../../layer/tree/findPath.ts"
import { type Branch, childOf, isBranch, type Leaf, type MergedTree } from "./MergedTree.ts"

/** A merged tree, for who looks for a path: what layers that were not read may hold is not known. */
export const viewOf = (tree: MergedTree): View<Branch, Leaf> => ({
  root: tree.root,
  child: (branch, name) => {
    const child = childOf(tree, branch, name)
    if (typeof child === "string") return child
    if (isBranch(child)) return { _tag: "Directory", directory: child }
    return { _tag: "Leaf", leaf: child, target: child.facts.type === "symlink" ? child.facts.linkPath : undefined }
  }
})
