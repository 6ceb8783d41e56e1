/** What a selection means in a tree in memory. */
import { InvalidOption } from "../../../api/errors.ts"
import type { Selection } from "../../../layer/tree/Selection.ts"
import { childOf, type MergedTree, type Node, root } from "./MergedTree.ts"

/** What stands at a path of the tree, no link followed; a name where that depends on layers that were not applied. */
const nodeAt = (tree: MergedTree, names: ReadonlyArray<string>): Node | undefined | { readonly unknown: string } => {
  let node = root
  for (const name of names) {
    if (!tree.isDirectory(node)) return undefined
    const child = childOf(tree, node, name)
    if (child === "unknown") return { unknown: name }
    if (child === "missing") return undefined
    node = child
  }
  return node
}

/** A name that the selection's outcome still depends on; `""` for any name; `undefined` where all of it is known. */
export const unknownOf = (tree: MergedTree, { only }: Selection): string | undefined => {
  for (const names of only ?? [[]]) {
    const found = nodeAt(tree, names)
    if (found === undefined) continue
    if (typeof found === "object") return found.unknown
    // Lower layers may have more in it; what is uncertain may be in it.
    if (tree.isDirectory(found) && (tree.isOpen(found) || tree.uncertain === "everything" || tree.uncertain.size > 0))
      return ""
  }
  return undefined
}

/** The paths of nodes, stripped. A path is asked for after that of its neighbour. */
export const makePathOf = ({ names }: MergedTree, strip: number) => {
  let last: { readonly directory: Node; readonly path: string } | undefined
  /** `undefined`: nothing is left. */
  const pathOf = (node: Node): string | undefined => {
    const above: Array<string> = []
    for (let place = node; place !== root; place = names.parentOf(place)) above.push(names.nameOf(place))
    return above.length <= strip ? undefined : above.reverse().slice(strip).join("/")
  }
  return (node: Node): string => {
    const directory = names.parentOf(node)
    if (last?.directory !== directory) last = { directory, path: pathOf(directory) ?? "" }
    return last.path === "" ? (pathOf(node) ?? "") : `${last.path}/${names.nameOf(node)}`
  }
}

/** What is at a node and beneath it, a directory before what is in it; and how many names lead to each. */
const beneath = function* ({ names }: MergedTree, top: Node, depth: number): Generator<readonly [Node, number]> {
  let [node, below] = [top, depth]
  for (;;) {
    yield [node, below]
    let next = names.firstIn(node)
    if (next !== 0) below += 1
    while (next === 0) {
      if (node === top) return
      next = names.behind(node)
      if (next !== 0) break
      node = names.parentOf(node)
      below -= 1
    }
    node = next
  }
}

/** Two paths that became one: two directories are one directory, everything else is a contradiction. */
const makeMeeting = (tree: MergedTree, strip: number) => {
  const pathOf = makePathOf(tree, strip)
  const seen = new Map<string, Node>()
  return (node: Node): boolean => {
    const path = pathOf(node)
    const before = seen.get(path)
    seen.set(path, node)
    if (before === undefined) return true
    if (tree.isDirectory(before) && tree.isDirectory(node)) return false
    const problem = `gives two paths the same name: ${JSON.stringify(Buffer.from(path, "latin1").toString())}`
    throw new InvalidOption({ option: "strip", problem })
  }
}

/** What is selected, each path once; a directory comes before what is in it. The root has no name, and is left out. */
export const selected = function* (tree: MergedTree, { only, strip }: Selection): Generator<Node, undefined> {
  const isNew = strip === 0 ? () => true : makeMeeting(tree, strip)
  for (const names of only ?? [[]]) {
    const found = nodeAt(tree, names)
    if (found === undefined || typeof found === "object") continue
    for (const [node, depth] of beneath(tree, found, names.length)) if (depth > strip && isNew(node)) yield node
  }
}
