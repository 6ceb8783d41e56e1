/**
 * The tree that layers make together, in memory: names and facts, no bytes of files. In columns: objects for each of a million
 * entries would take several times the memory, and as much again as garbage.
 */

import { Column } from "../../../erofs/columns/Column.ts"
import { type Facts, FactTable } from "../../../erofs/columns/FactTable.ts"
import type { EntryHeader } from "../../../layer/Entry.ts"
import { implied } from "../../../layer/metadata/ownership.ts"
import { NameTable } from "./columns/NameTable.ts"

export type { Facts } from "../../../erofs/columns/FactTable.ts"

/** A name in the tree, by its number, and what has it. */
export type Node = number

/** Of every tree. */
export const root: Node = 0

/** Bytes of a body that an archive stores: those of its holes are not there. */
export const storedBytes = (size: number, sparse: EntryHeader["sparse"]): number =>
  sparse === undefined ? size : sparse.reduce((sum, { length }) => sum + length, 0)

/** What is not a directory: one inode, which may have several names. Its body is that of an entry of an archive. */
export interface Leaf {
  readonly facts: Facts
  /** Index of the layer whose archive holds the body: 0 is the lowest. */
  readonly layer: number
  /** Which entry of that archive it is. */
  readonly ordinal: number
  /** Bytes that the archive stores of the bodies before it. */
  readonly bodyAt: number
  /** Of a sparse file. */
  readonly sparse: EntryHeader["sparse"]
}

/** Where an entry is from. */
export type Origin = Pick<Leaf, "layer" | "ordinal" | "bodyAt">

/** Of a directory: layers that were not read may have more in it. */
const open = 1
/** No entry describes it, and layers that were not read may have a symbolic link in its place: or it is beneath such a one. */
const guess = 2
/** No entry describes it. */
const implicit = 4

export class MergedTree {
  /** Last names of all that may stand elsewhere than here, for what layers that were not read may hold; or of everything. */
  uncertain: Set<string> | "everything" = new Set()
  /**
   * The highest layer with something in a directory that may be a link in a layer that was not read; -1: none has. Where that link
   * leads, directories are made: of what is missing, and of what is not a directory in the layers below.
   */
  guessed = -1
  /** Of open directories: names that are known not to be there. */
  readonly absent = new Map<Node, Set<string>>()
  readonly names = new NameTable()
  readonly facts = new FactTable()
  /** By node. */
  readonly #inodes = new Column()
  readonly #flags = new Column()
  /** The layer that wrote it or something beneath it last. */
  #writers = new Column()
  /** By inode: the layer, and which entry of it; how many names it was given besides its first. */
  readonly #layers = new Column()
  readonly #ordinals = new Column()
  readonly #others = new Column()

  /** `isWhole`: all layers will be applied. Otherwise, the content of the lower ones stays unknown. */
  constructor(isWhole: boolean) {
    this.#inodes.set(root, this.facts.add(implied, 0))
    this.#setLayer(root, -1)
    this.setOpen(root, !isWhole)
  }

  /** What stands at a name of a directory. */
  childAt(directory: Node, name: string): Node | undefined {
    const found = this.names.find(directory, name)
    return found === 0 ? undefined : found
  }

  isDirectory(node: Node): boolean {
    return this.facts.isDirectory(this.#inodes.get(node))
  }

  /** Two names of one file have the same. */
  inodeOf(node: Node): number {
    return this.#inodes.get(node)
  }

  /** Whether it may have other names. */
  isLinked(node: Node): boolean {
    return this.#others.get(this.#inodes.get(node)) > 0
  }

  factsOf(node: Node): Facts {
    return this.facts.facts(this.#inodes.get(node))
  }

  sizeOf(node: Node): number {
    return this.facts.size(this.#inodes.get(node))
  }

  /** Of a symbolic link. */
  targetOf(node: Node): string | undefined {
    return this.facts.target(this.#inodes.get(node))
  }

  /** The layer that describes it; -1 for a directory that no entry describes. */
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

  /** Nothing stands at the name. */
  add(directory: Node, name: string, header: EntryHeader, { layer, ordinal, bodyAt }: Origin): Node {
    const inode = this.facts.add(header, bodyAt)
    this.#ordinals.set(inode, ordinal)
    const node = this.#name(directory, name, inode)
    this.#setLayer(node, layer)
    return node
  }

  /** Another name of what is not a directory. Nothing stands at the name. */
  link(directory: Node, name: string, inode: number): Node {
    this.#others.set(inode, this.#others.get(inode) + 1)
    return this.#name(directory, name, inode)
  }

  /** What an entry says of a directory; of layer -1, that no entry describes it. */
  describe(directory: Node, header: EntryHeader, layer: number): void {
    this.facts.describe(this.#inodes.get(directory), header)
    this.#setLayer(directory, layer)
  }

  /** No layer follows, and nothing is looked up by its name any more: frees what only that needs. */
  seal(): void {
    this.names.seal()
    this.absent.clear()
    this.#writers = new Column()
  }

  /** And what is beneath it. */
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

  /** The layer wrote it: it and the directories above it survive that layer's own whiteouts. */
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

/** What stands at a name of a directory, as far as the layers tell that were applied. */
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
