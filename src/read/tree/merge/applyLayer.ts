/**
 * Applies a layer's entries to a tree in memory, by the rules of an extraction into the layout `rootfs`: so the tree is
 * the one that a pull in that layout makes. To be called for each layer, the lowest first.
 */
import type { Limits } from "../../../api/config.ts"
import { CurrentEntry } from "../../../layer/apply/rules/CurrentEntry.ts"
import { makeLinks } from "../../../layer/apply/rules/links.ts"
import { type FindAt, makePathResolver } from "../../../layer/apply/rules/PathResolver.ts"
import { makePlaceEntry, type Places } from "../../../layer/apply/rules/placeEntry.ts"
import { makeWhiteouts } from "../../../layer/apply/rules/whiteouts.ts"
import { Directory, decode, ownName } from "../../../layer/Directory.ts"
import type { EntryHeader } from "../../../layer/Entry.ts"
import { mergeInPlace } from "../../../layer/layout/rootfs.ts"
import { implied } from "../../../layer/metadata/ownership.ts"
import { type MergedTree, type Node, root as rootNode, storedBytes } from "./MergedTree.ts"
import { makeUncertain } from "./uncertain.ts"

export interface LayerOptions {
  readonly tree: MergedTree
  /** Index of the layer: 0 is the lowest. */
  readonly layer: number
  /** Digest of the layer's blob, for errors. */
  readonly digest: string
  readonly limits: Limits
  /** Called for each directory that is made without an entry. */
  readonly imply?: (() => void) | undefined
}

export interface LayerApplier {
  /** To be called for each entry of the archive. `ordinal`: which one it is. */
  readonly entry: (header: EntryHeader, ordinal: number) => void
  readonly finish: () => void
}

export const makeLayerApplier = ({ tree, layer, digest, limits, imply }: LayerOptions): LayerApplier => {
  const root = Directory.root("")
  const entry = new CurrentEntry({ digest, limits }, () => {})
  const { refuse } = entry
  let ordinal = 0
  let bodyAt = 0

  /** The directory that was asked for last: entries beside each other follow each other. */
  let last: { readonly directory: Directory; readonly node: Node } | undefined

  /** Asked of the tree, for as long as no directory gave way: one may have been replaced. */
  const nodeOf = (directory: Directory): Node => {
    if (directory.parent === undefined) return rootNode
    if (last?.directory === directory) return last.node
    const node = tree.childAt(nodeOf(directory.parent), directory.name)
    if (node === undefined || !tree.isDirectory(node)) throw refuse("its directory is gone")
    last = { directory, node }
    return node
  }

  const at: FindAt = (directory, name) => {
    const node = tree.childAt(nodeOf(directory), name)
    if (node === undefined) return undefined
    if (tree.isDirectory(node)) return "directory"
    const target = tree.targetOf(node)
    return target === undefined ? "other" : { target }
  }

  const vacate = (directory: Directory, name: string): void => {
    within.forget()
    directory.vacated(name)
    const above = nodeOf(directory)
    const node = tree.childAt(above, name)
    if (node !== undefined) {
      if (tree.isDirectory(node)) last = undefined
      tree.remove(node)
    }
    if (!tree.isOpen(above)) return
    const absent = tree.absent.get(above) ?? new Set()
    tree.absent.set(above, absent)
    absent.add(ownName(name))
  }

  /** Makes room for a name, and has it written. */
  const occupy = (directory: Directory, name: string, make: (above: Node) => Node): void => {
    directory.links?.delete(name)
    const above = nodeOf(directory)
    if (tree.childAt(above, name) !== undefined) vacate(directory, name)
    tree.markWritten(make(above), layer)
    doubt.placed(directory, name)
  }

  const leaf = (directory: Directory, name: string, header: EntryHeader) =>
    occupy(directory, name, (above) => tree.add(above, name, header, { layer, ordinal, bodyAt }))

  const makeNode = (parent: Directory, name: string, header: EntryHeader | undefined): Node => {
    const above = nodeOf(parent)
    const there = tree.childAt(above, name)
    const described = header === undefined ? -1 : layer
    if (there !== undefined && tree.isDirectory(there)) {
      tree.describe(there, header ?? implied, described)
      if (!tree.isGuess(above)) tree.setGuess(there, false)
      return there
    }
    if (there !== undefined) vacate(parent, name)
    if (header === undefined) imply?.()
    const isUnknown = tree.isOpen(above) && tree.absent.get(above)?.has(name) !== true
    const made = tree.add(above, name, header ?? implied, { layer: described, ordinal, bodyAt })
    tree.setOpen(made, isUnknown)
    tree.setGuess(made, tree.isGuess(above) || (isUnknown && header === undefined))
    return made
  }

  /** `header` is `undefined` for a directory that is only implied. */
  const makeDirectory = (parent: Directory, name: string, header: EntryHeader | undefined): Directory => {
    // Links let a short name lead deep, so the depth is checked here too, not only in the name.
    if (parent.depth >= limits.depth) throw entry.exceeds("depth", "components", "entry")
    parent.links?.delete(name)
    tree.markWritten(makeNode(parent, name, header), layer)
    doubt.placed(parent, name)
    return parent.child(name)
  }

  const doubt = makeUncertain({ tree, layer, nodeOf })
  const merging = doubt.merging(
    mergeInPlace({
      vacate,
      namesIn: (directory) => Array.from(tree.names.in(nodeOf(directory)), (node) => tree.names.nameOf(node)),
      isWritten: (directory, name) => {
        const node = tree.childAt(nodeOf(directory), name)
        return node !== undefined && tree.isWrittenBy(node, layer)
      },
      isDirectory: (directory) => directory.parent !== undefined && at(directory.parent, directory.name) === "directory"
    })
  )
  const within = makePathResolver({
    root,
    at,
    refuse,
    make: (parent, name) => {
      entry.count()
      makeDirectory(parent, name, undefined)
    },
    clear: (parent, name) => {
      if (!merging.yields(parent, name)) throw refuse(`${decode(name)}, its parent, is not a directory`)
      vacate(parent, name)
    }
  })
  const links = doubt.links(
    makeLinks({
      refusal: entry.refusal,
      within,
      at,
      vacate,
      look: () => {},
      join: (directory, name, target) => {
        const node = tree.childAt(nodeOf(target.directory), target.name)
        if (node === undefined || tree.isDirectory(node)) return
        const inode = tree.inodeOf(node)
        occupy(directory, name, (above) => tree.link(above, name, inode))
      }
    })
  )
  const places: Places = {
    start: () => {},
    root: (header) => tree.describe(rootNode, header, layer),
    directory: makeDirectory,
    file: leaf,
    symlink: leaf,
    node: leaf
  }
  const applyWhiteout = doubt.whiteouts(makeWhiteouts({ within, merging, refuse }), within)
  const place = makePlaceEntry({ entry, within, applyWhiteout, links, places })
  return {
    entry: (header, index) => {
      ordinal = index
      place(header)
      bodyAt += storedBytes(header.size, header.sparse)
    },
    finish: links.finish
  }
}
