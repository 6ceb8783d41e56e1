import type { View } from "../../../layer/tree/findPath.ts"
import { type Branch, isBranch, type Leaf, type MergedTree } from "./MergedTree.ts"

/** A merged tree, for who looks for a path: what layers that were not read may hold is not known. */
export const viewOf = ({ root, uncertain }: MergedTree): View<Branch, Leaf> => ({
  root,
  child: (branch, name) => {
    if (uncertain === "everything" || uncertain.has(name)) return "unknown"
    const child = branch.children.get(name)
    if (child === undefined) return branch.isOpen && branch.absent?.has(name) !== true ? "unknown" : "missing"
    if (isBranch(child)) return { _tag: "Directory", directory: child }
    return { _tag: "Leaf", leaf: child, target: child.facts.type === "symlink" ? child.facts.linkPath : undefined }
  }
})
