/** Which entries of a merged tree are wanted, and under what names. */
import type { EntryHeader } from "../../../layer/Entry.ts"
import { isWhole, type Selection } from "../../../layer/tree/Selection.ts"
import { type MergedTree, type Node, root } from "../merge/MergedTree.ts"
import { makePathOf, selected } from "../merge/selection.ts"

export class Plan {
  readonly tree: MergedTree
  readonly selection: Selection
  /** The header of the root: only for a whole tree, and if an entry describes the root. */
  readonly root: EntryHeader | undefined
  /** The path of a node that is wanted; best asked for after that of its neighbour. */
  readonly pathOf: (node: Node) => string
  /** Each directory before what is in it. */
  readonly nodes: Uint32Array
  /** The names of each inode that has several. */
  readonly #names = new Map<number, Array<Node>>()
  #files: ReadonlyMap<number, Uint32Array> | undefined

  /** Throws `InvalidOption` where `strip` makes one path of two. */
  constructor(tree: MergedTree, selection: Selection) {
    this.tree = tree
    this.selection = selection
    this.pathOf = makePathOf(tree, selection.strip)
    this.root = isWhole(selection) && tree.layerOf(root) >= 0 ? { ...tree.factsOf(root), path: "" } : undefined
    const nodes = new Uint32Array(tree.names.length)
    let count = 0
    for (const node of selected(tree, selection)) {
      nodes[count++] = node
      if (!tree.isLinked(node)) continue
      const inode = tree.inodeOf(node)
      const names = this.#names.get(inode)
      if (names === undefined) this.#names.set(inode, [node])
      else names.push(node)
    }
    this.nodes = nodes.subarray(0, count)
  }

  headerOf(node: Node): EntryHeader {
    return this.tree.facts.header(this.tree.inodeOf(node), this.pathOf(node))
  }

  /** All names of what is not a directory, the first one first. */
  namesOf(node: Node): ReadonlyArray<Node> {
    return this.#names.get(this.tree.inodeOf(node)) ?? [node]
  }

  *directories(): Generator<Node, undefined> {
    for (const node of this.nodes) if (this.tree.isDirectory(node)) yield node
  }

  /** What has no body, and is not a directory: the first name of each. */
  *plain(): Generator<Node, undefined> {
    for (const node of this.nodes)
      if (this.tree.sizeOf(node) === 0 && !this.tree.isDirectory(node) && this.#isFirst(node)) yield node
  }

  /** For each layer, the first name of each file that has bytes, in the order of the archive. */
  files(): ReadonlyMap<number, Uint32Array> {
    this.#files ??= this.#makeFiles()
    return this.#files
  }

  #isFirst(node: Node): boolean {
    return !this.tree.isLinked(node) || this.namesOf(node)[0] === node
  }

  #makeFiles(): ReadonlyMap<number, Uint32Array> {
    const { tree } = this
    const counts = new Map<number, number>()
    for (const node of this.#withBytes()) counts.set(tree.layerOf(node), (counts.get(tree.layerOf(node)) ?? 0) + 1)
    const made = new Map(Array.from(counts, ([layer, count]) => [layer, new Uint32Array(count)]))
    for (const node of this.#withBytes()) {
      const layer = tree.layerOf(node)
      const left = counts.get(layer) ?? 0
      counts.set(layer, left - 1)
      const nodes = made.get(layer)
      if (nodes !== undefined) nodes[nodes.length - left] = node
    }
    const compare = (a: number, b: number) => tree.ordinalOf(a) - tree.ordinalOf(b)
    for (const nodes of made.values()) {
      // Most archives have a directory's files together, and a sort copies them.
      if (nodes.some((node, at) => at > 0 && compare(nodes[at - 1] ?? 0, node) > 0)) nodes.sort(compare)
    }
    return made
  }

  *#withBytes(): Generator<Node, undefined> {
    for (const node of this.nodes) if (this.tree.sizeOf(node) > 0 && this.#isFirst(node)) yield node
  }
}
