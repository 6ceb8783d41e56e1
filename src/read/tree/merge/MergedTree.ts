/**
 * The merged tree of an image's layers, in memory: names and facts, but no bytes of files. It is stored in columns. With an object for
 * each of a million entries, it would take several times the memory, and as much again as garbage.
 */

import { Column } from "../../../erofs/columns/Column.ts"
import { type Facts, FactTable } from "../../../erofs/columns/FactTable.ts"
import type { EntryHeader } from "../../../layer/Entry.ts"
import { implied } from "../../../layer/metadata/ownership.ts"
import { NameTable } from "./columns/NameTable.ts"

export type { Facts } from "../../../erofs/columns/FactTable.ts"

/** The number of a name in the tree. */
export type Node = number

/** The root of every tree. */
export const root: Node = 0

/** The bytes that an archive stores of a body. Holes are not stored. */
export const storedBytes = (size: number, sparse: EntryHeader["sparse"]): number =>
  sparse === undefined ? size : sparse.reduce((sum, { length }) => sum + length, 0)

/** An inode that is not a directory. It may have several names. Its body is the body of an entry in an archive. */
export interface Leaf {
  readonly facts: Facts
  /** Index of the layer whose archive holds the body: 0 is the lowest. */
  readonly layer: number
  /** The number of its entry in that archive. */
  readonly ordinal: number
  /** The bytes that the archive stores of all bodies before this one. */
  readonly bodyAt: number
  /** The data segments of a sparse file. */
  readonly sparse: EntryHeader["sparse"]
}

/** The layer and the entry of its archive that something comes from. */
export type Origin = Pick<Leaf, "layer" | "ordinal" | "bodyAt">

/** Flag of a directory: layers that were not read may have more in it. */
const open = 1
/** Flag: no entry describes it, so layers that were not read may have a symbolic link in its place; or it is beneath such a directory. */
const guess = 2
/** Flag: no entry describes it. */
const implicit = 4

export class MergedTree {
  /** Names (last components) whose place is uncertain, because of what layers that were not read may hold; or `everything`. */
  uncertain: Set<string> | "everything" = new Set()
  /**
   * The highest layer with entries below a path that may turn out to be a symbolic link, since a lower layer was not read. -1 if
   * no layer has any. Where such a link leads, the merge makes a directory if there is none, in place of a lower layer's file too.
   */
  guessed = -1
  /** For each open directory, the names that are known not to be there. */
  readonly absent = new Map<Node, Set<string>>()
  readonly names = new NameTable()
  readonly facts = new FactTable()
  /** For each node, its inode. */
  readonly #inodes = new Column()
  readonly #flags = new Column()
  /** For each node, the layer that last wrote it or something beneath it. */
  #writers = new Column()
  /** For each inode: its layer, the number of its entry there, and how many names it has besides the first. */
  readonly #layers = new Column()
  readonly #ordinals = new Column()
  readonly #others = new Column()

  /** `isWhole`: all layers will be applied. If false, the content of the lower ones stays unknown. */
  constructor(isWhole: boolean) {
    this.#inodes.set(root, this.facts.add(implied, 0))
    this.#setLayer(root, -1)
    this.setOpen(root, !isWhole)
  }

  /** The node with this name in a directory. */
  childAt(directory: Node, name: string): Node | undefined {
    const found = this.names.find(directory, name)
    return found === 0 ? undefined : found
  }

  isDirectory(node: Node): boolean {
    return this.facts.isDirectory(this.#inodes.get(node))
  }

  /** The inode of a node. Two names of one file have the same inode. */
  inodeOf(node: Node): number {
    return this.#inodes.get(node)
  }

  /** Whether the node may have other names. */
  isLinked(node: Node): boolean {
    return this.#others.get(this.#inodes.get(node)) > 0
  }

  factsOf(node: Node): Facts {
    return this.facts.facts(this.#inodes.get(node))
  }

  sizeOf(node: Node): number {
    return this.facts.size(this.#inodes.get(node))
  }

  /** The target of a symbolic link. */
  targetOf(node: Node): string | undefined {
    return this.facts.target(this.#inodes.get(node))
  }

  /** The layer that describes the node; -1 for a directory that no entry describes. */
  layerOf(node: Node): number {
    const isImplied = (this.#flags.get(node) & implicit) !== 0
    return isImplied ? -1 : this.#layers.get(this.#inodes.get(node))
  }

  ordinalOf(node: Node): number {
    return this.#ordinals.get(this.#inodes.get(node))
  }

  leafOf(node: Node): Leaf {
    const inode = this.#inodes.get(node)
    return {
      facts: this.facts.facts(inode),
      layer: this.layerOf(node),
      ordinal: this.#ordinals.get(inode),
      bodyAt: this.facts.bodyAt(inode),
      sparse: this.facts.sparse(inode)
    }
  }

  /** Adds an entry. The name must be free. */
  add(directory: Node, name: string, header: EntryHeader, { layer, ordinal, bodyAt }: Origin): Node {
    const inode = this.facts.add(header, bodyAt)
    this.#ordinals.set(inode, ordinal)
    const node = this.#name(directory, name, inode)
    this.#setLayer(node, layer)
    return node
  }

  /** Gives another name to an inode that is not a directory. The name must be free. */
  link(directory: Node, name: string, inode: number): Node {
    this.#others.set(inode, this.#others.get(inode) + 1)
    return this.#name(directory, name, inode)
  }

  /** Sets what an entry says about a directory. Layer -1: no entry describes it. */
  describe(directory: Node, header: EntryHeader, layer: number): void {
    this.facts.describe(this.#inodes.get(directory), header)
    this.#setLayer(directory, layer)
  }

  /** Frees what only look-ups by name need. Call it after the last layer. */
  seal(): void {
    this.names.seal()
    this.absent.clear()
    this.#writers = new Column()
  }

  /** Removes a node and everything beneath it. */
  remove(node: Node): void {
    this.names.remove(node)
  }

  isOpen(directory: Node): boolean {
    return (this.#flags.get(directory) & open) !== 0
  }

  setOpen(directory: Node, isOpen: boolean): void {
    this.#set(directory, open, isOpen)
    if (!isOpen) this.absent.delete(directory)
  }

  isGuess(directory: Node): boolean {
    return (this.#flags.get(directory) & guess) !== 0
  }

  setGuess(directory: Node, isGuess: boolean): void {
    this.#set(directory, guess, isGuess)
  }

  /** Records that the layer wrote the node. The node and the directories above it survive that layer's own whiteouts. */
  markWritten(node: Node, layer: number): void {
    for (let place = node; place !== root && this.#writers.get(place) !== layer; place = this.names.parentOf(place))
      this.#writers.set(place, layer)
  }

  isWrittenBy(node: Node, layer: number): boolean {
    return this.#writers.get(node) === layer
  }

  #name(directory: Node, name: string, inode: number): Node {
    const node = this.names.add(directory, name)
    this.#inodes.set(node, inode)
    return node
  }

  #setLayer(node: Node, layer: number): void {
    this.#set(node, implicit, layer < 0)
    this.#layers.set(this.#inodes.get(node), Math.max(layer, 0))
  }

  #set(directory: Node, flag: number, isSet: boolean): void {
    const flags = this.#flags.get(directory)
    this.#flags.set(directory, isSet ? flags | flag : flags & ~flag)
  }
}

/** The node with this name in a directory, as far as the applied layers tell. */
export const childOf = (tree: MergedTree, directory: Node, name: string): Node | "missing" | "unknown" => {
  const { uncertain, guessed } = tree
  if (uncertain === "everything" || uncertain.has(name)) return "unknown"
  const child = tree.childAt(directory, name)
  if (child === undefined)
    return guessed >= 0 || (tree.isOpen(directory) && tree.absent.get(directory)?.has(name) !== true)
      ? "unknown"
      : "missing"
  return tree.isDirectory(child) || tree.layerOf(child) >= guessed ? child : "unknown"
}
