/** The tree of a plan, in the order of its paths: a walk, with the names of each directory sorted by their bytes. */
import { type MergedTree, type Node, root } from "../merge/MergedTree.ts"
import type { Plan } from "./Plan.ts"

/** What is given, and what only leads to it. */
const given = 1
const passed = 2

const marksOf = ({ tree, nodes }: Plan): Uint8Array => {
  const marks = new Uint8Array(tree.names.length)
  for (const node of nodes) marks[node] = given
  for (const node of nodes)
    for (
      let above = tree.names.parentOf(node);
      above !== root && marks[above] === 0;
      above = tree.names.parentOf(above)
    )
      marks[above] = passed
  return marks
}

/** Names of several directories that `strip` made one. */
const namesIn = ({ names }: MergedTree, directories: ReadonlyArray<Node>, marks: Uint8Array): Uint32Array => {
  const found: Array<Node> = []
  let isSorted = true
  for (const directory of directories) {
    for (let node = names.firstIn(directory); node !== 0; node = names.behind(node)) {
      if (marks[node] === 0) continue
      const before = found.at(-1)
      if (before !== undefined && names.compare(before, node) > 0) isSorted = false
      found.push(node)
    }
  }
  const all = Uint32Array.from(found)
  return isSorted ? all : all.sort((a, b) => names.compare(a, b))
}

/** What stands at a path. */
export interface Place {
  /** What is given, if anything is. */
  readonly node: Node
  /** Or it only leads to what is. */
  readonly isGiven: boolean
  /** How many directories are above it, the root aside. */
  readonly depth: number
  /** Others that `strip` gave the same path. */
  readonly others: ReadonlyArray<Node>
}

const alone: ReadonlyArray<Node> = []

export const placesOf = function* (plan: Plan): Generator<Place, undefined> {
  const { tree, selection } = plan
  const marks = marksOf(plan)
  let tops: ReadonlyArray<Node> = [root]
  for (let left = selection.strip; left > 0; left--)
    tops = tops.flatMap((top) => [...tree.names.in(top)].filter((node) => marks[node] !== 0))
  const stack = [{ nodes: namesIn(tree, tops, marks), at: 0 }]
  for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
    const { nodes, at } = level
    const first = nodes[at]
    if (first === undefined) {
      stack.pop()
      continue
    }
    const depth = stack.length - 1
    let end = at + 1
    while (end < nodes.length && tree.names.compare(first, nodes[end] ?? 0) === 0) end += 1
    level.at = end
    if (end === at + 1) {
      yield { node: first, isGiven: marks[first] === given, depth, others: alone }
      if (tree.isDirectory(first)) stack.push({ nodes: namesIn(tree, [first], marks), at: 0 })
      continue
    }
    const same = [...nodes.subarray(at, end)]
    // Two that are given have two paths.
    const node = same.find((it) => marks[it] === given) ?? first
    yield { node, isGiven: marks[node] === given, depth, others: same.filter((it) => it !== node) }
    const within = same.filter((it) => tree.isDirectory(it))
    if (within.length > 0) stack.push({ nodes: namesIn(tree, within, marks), at: 0 })
  }
}

export const inOrder = function* (plan: Plan): Generator<Node, undefined> {
  for (const { node, isGiven } of placesOf(plan)) if (isGiven) yield node
}
