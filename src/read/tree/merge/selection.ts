/** What a selection means in a tree in memory. */
import { InvalidOption } from "../../../api/errors.ts"
import type { Selection } from "../../../layer/tree/Selection.ts"
import { childOf, isBranch, type MergedTree, type Node } from "./MergedTree.ts"

/** What stands at a path of the tree, no link followed; a name where that depends on layers that were not applied. */
const nodeAt = (tree: MergedTree, names: ReadonlyArray<string>): Node | undefined | { readonly unknown: string } => {
  let node: Node = tree.root
  for (const name of names) {
    if (!isBranch(node)) return undefined
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
    if ("unknown" in found) return found.unknown
    // Lower layers may have more in it; what is uncertain may be in it.
    if (isBranch(found) && (found.isOpen || tree.uncertain === "everything" || tree.uncertain.size > 0)) return ""
  }
  return undefined
}

export interface Placed {
  /** Beneath the root, stripped. Never empty. */
  readonly names: ReadonlyArray<string>
  readonly node: Node
}

const beneath = function* (node: Node, names: ReadonlyArray<string>): Generator<Placed> {
  yield { names, node }
  if (!isBranch(node)) return
  for (const [name, child] of node.children) yield* beneath(child, [...names, name])
}

/** Two paths that became one: two directories are one directory, everything else is a contradiction. */
const makeMeeting = () => {
  const seen = new Map<string, Node>()
  return (names: ReadonlyArray<string>, node: Node): boolean => {
    const path = names.join("/")
    const before = seen.get(path)
    seen.set(path, node)
    if (before === undefined) return true
    if (isBranch(before) && isBranch(node)) return false
    const problem = `makes two paths of the image one: ${JSON.stringify(Buffer.from(path, "latin1").toString())}`
    throw new InvalidOption({ option: "strip", problem })
  }
}

/** What is selected, each path once; a directory comes before what is in it. The root has no name, and is left out. */
export const selected = function* (tree: MergedTree, { only, strip }: Selection): Generator<Placed> {
  const isNew = strip === 0 ? () => true : makeMeeting()
  for (const names of only ?? [[]]) {
    const found = nodeAt(tree, names)
    if (found === undefined || "unknown" in found) continue
    for (const { names: all, node } of beneath(found, names)) {
      const rest = all.slice(strip)
      if (rest.length > 0 && isNew(rest, node)) yield { names: rest, node }
    }
  }
}
