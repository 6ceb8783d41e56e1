/** The tree that layers make together, in memory: names and facts, no bytes of files. */
import type { EntryHeader } from "../../../layer/Entry.ts"
import { implied } from "../../../layer/metadata/ownership.ts"

/** What an archive says of an entry, its name and the holes of its body aside. */
export type Facts = Omit<EntryHeader, "path" | "sparse">

/** Bytes of a body that an archive stores: those of its holes are not there. */
export const storedBytes = (size: number, sparse: EntryHeader["sparse"]): number =>
  sparse === undefined ? size : sparse.reduce((sum, { length }) => sum + length, 0)

/**
 * What is no directory: one inode, which may have several names. Its body is that of an entry of an archive.
 * A class, since there may be a million.
 */
export class Leaf {
  readonly facts: Facts
  /** Index of the layer whose archive holds the body: 0 is the lowest. */
  readonly layer: number
  /** Which entry of that archive it is. */
  readonly ordinal: number
  /** Bytes that the archive stores of the bodies before it. */
  readonly bodyAt: number
  /** Of a sparse file. */
  readonly sparse: EntryHeader["sparse"]

  constructor(facts: Facts, layer: number, ordinal: number, bodyAt: number, sparse: EntryHeader["sparse"]) {
    this.facts = facts
    this.layer = layer
    this.ordinal = ordinal
    this.bodyAt = bodyAt
    this.sparse = sparse
  }
}

export class Branch {
  facts: Facts
  /** The layer that describes it; -1 for one that no entry describes. */
  layer: number
  readonly children = new Map<string, Node>()
  /** Layers that were not read may have more in it. */
  isOpen: boolean
  /** No entry describes it, and layers that were not read may have a symbolic link in its place: or it is beneath such a one. */
  isGuess = false
  /** Of an open directory: names that are known not to be there. */
  absent: Set<string> | undefined

  constructor(facts: Facts, layer: number, isOpen: boolean) {
    this.facts = facts
    this.layer = layer
    this.isOpen = isOpen
  }
}

export type Node = Leaf | Branch

export const isBranch = (node: Node | undefined): node is Branch => node instanceof Branch

export interface MergedTree {
  readonly root: Branch
  /** Last names of all that may stand elsewhere than here, for what layers that were not read may hold; or of everything. */
  uncertain: Set<string> | "everything"
  /**
   * The highest layer with something in a directory that may be a link in a layer that was not read; -1: none has. Where that link
   * leads, directories are made: of what is missing, and of what is no directory in the layers below.
   */
  guessed: number
}

/** `isWhole`: all layers will be applied. Otherwise, the content of the lower ones stays unknown. */
export const emptyTree = (isWhole: boolean): MergedTree => ({
  root: new Branch(implied, -1, !isWhole),
  uncertain: new Set(),
  guessed: -1
})

/** What stands at a name of a directory, as far as the layers tell that were applied. */
export const childOf = (tree: MergedTree, branch: Branch, name: string): Node | "missing" | "unknown" => {
  const { uncertain, guessed } = tree
  if (uncertain === "everything" || uncertain.has(name)) return "unknown"
  const child = branch.children.get(name)
  if (child === undefined)
    return guessed >= 0 || (branch.isOpen && branch.absent?.has(name) !== true) ? "unknown" : "missing"
  return isBranch(child) || child.layer >= guessed ? child : "unknown"
}
