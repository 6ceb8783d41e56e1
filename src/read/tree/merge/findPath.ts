/** Finds a path in a tree as a process inside a container does (path_resolution(7)): symbolic links never lead out of it. */
import { type Branch, isBranch, type MergedTree, type Node } from "./MergedTree.ts"

/** As many links as Linux follows in one path. */
export const mostLinks = 40

export type Sought =
  | { readonly _tag: "Found"; readonly node: Node; readonly names: ReadonlyArray<string> }
  /** There is no such path. `names`: up to the component that is missing. */
  | { readonly _tag: "Missing"; readonly names: ReadonlyArray<string> }
  /** Something with this path is needed as a directory, and is none. */
  | { readonly _tag: "NoDirectory"; readonly names: ReadonlyArray<string> }
  | { readonly _tag: "TooManyLinks" }
  /** It depends on layers that were not applied: on what they have under this name. */
  | { readonly _tag: "Unknown"; readonly name: string }

/** What stands at a name of a directory, as far as it is known. */
const childOf = ({ uncertain }: MergedTree, branch: Branch, name: string): Node | "missing" | "unknown" => {
  if (uncertain === "everything" || uncertain.has(name)) return "unknown"
  const child = branch.children.get(name)
  if (child !== undefined) return child
  return branch.isOpen && branch.absent?.has(name) !== true ? "unknown" : "missing"
}

/**
 * `path`: a binary string, seen from the root of the image whether it begins with `/` or not. `follow`: also where the last
 * component is a link. The links in its parents are always followed.
 */
export const findPath = (tree: MergedTree, path: string, follow: boolean): Sought => {
  /** Components that are still to be walked, the next one last. */
  const ahead = path.split("/").reverse()
  let places: Array<readonly [name: string, node: Node]> = []
  let links = 0
  const names = () => places.map(([name]) => name)
  for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
    const here: Node = places[places.length - 1]?.[1] ?? tree.root
    // Also for an empty component, or `.`: what a slash follows is a directory.
    if (!isBranch(here)) return { _tag: "NoDirectory", names: names() }
    if (name === "" || name === ".") continue
    if (name === "..") {
      places.pop()
      continue
    }
    const child = childOf(tree, here, name)
    if (child === "unknown") return { _tag: "Unknown", name }
    if (child === "missing") return { _tag: "Missing", names: [...names(), name] }
    if (!isBranch(child) && child.facts.type === "symlink" && (follow || ahead.length > 0)) {
      links += 1
      if (links > mostLinks) return { _tag: "TooManyLinks" }
      const target = child.facts.linkPath
      if (target.startsWith("/")) places = []
      ahead.push(...target.split("/").reverse())
      continue
    }
    places.push([name, child])
  }
  const last = places[places.length - 1]
  return { _tag: "Found", node: last?.[1] ?? tree.root, names: names() }
}
