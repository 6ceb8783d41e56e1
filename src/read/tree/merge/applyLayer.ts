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
import { markWritten } from "../../../layer/layout/Layout.ts"
import { mergeInPlace } from "../../../layer/layout/rootfs.ts"
import { implied } from "../../../layer/metadata/ownership.ts"
import { Branch, type Facts, isBranch, Leaf, type MergedTree, storedBytes } from "./MergedTree.ts"
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

const noAttributes: ReadonlyMap<string, Uint8Array> = new Map()

const factsOf = ({ path, sparse, xattrs, ...facts }: EntryHeader): Facts => ({
  ...facts,
  xattrs: xattrs.size === 0 ? noAttributes : xattrs
})

export const makeLayerApplier = ({ tree, layer, digest, limits, imply }: LayerOptions): LayerApplier => {
  const root = Directory.root("")
  const entry = new CurrentEntry({ digest, limits }, () => {})
  const { refuse } = entry
  let ordinal = 0
  let bodyAt = 0

  /** Asked of the tree each time: a directory may have been replaced. */
  const branchOf = (directory: Directory): Branch => {
    if (directory.parent === undefined) return tree.root
    const node = branchOf(directory.parent).children.get(directory.name)
    if (!isBranch(node)) throw refuse("its directory is gone")
    return node
  }

  const at: FindAt = (directory, name) => {
    const node = branchOf(directory).children.get(name)
    if (node === undefined) return undefined
    if (isBranch(node)) return "directory"
    return node.facts.type === "symlink" ? { target: node.facts.linkPath } : "other"
  }

  const vacate = (directory: Directory, name: string): void => {
    within.forget()
    directory.vacated(name)
    const branch = branchOf(directory)
    branch.children.delete(name)
    if (!branch.isOpen) return
    branch.absent ??= new Set()
    branch.absent.add(ownName(name))
  }

  const occupy = (directory: Directory, name: string, node: Leaf): void => {
    directory.links?.delete(name)
    const { children } = branchOf(directory)
    if (children.has(name)) vacate(directory, name)
    children.set(ownName(name), node)
    markWritten(directory, name)
    doubt.placed(directory, name)
  }

  const leaf = (directory: Directory, name: string, header: EntryHeader) =>
    occupy(directory, name, new Leaf(factsOf(header), layer, ordinal, bodyAt, header.sparse))

  /** `header` is `undefined` for a directory that is only implied. */
  const makeDirectory = (parent: Directory, name: string, header: EntryHeader | undefined): Directory => {
    // Links let a short name lead deep, so the depth is checked here too, not only in the name.
    if (parent.depth >= limits.depth) throw entry.exceeds("depth", "components", "entry")
    parent.links?.delete(name)
    const above = branchOf(parent)
    const there = above.children.get(name)
    const facts = header === undefined ? implied : factsOf(header)
    const described = header === undefined ? -1 : layer
    if (isBranch(there)) {
      there.facts = facts
      there.layer = described
      if (!above.isGuess) there.isGuess = false
    } else {
      if (there !== undefined) vacate(parent, name)
      if (header === undefined) imply?.()
      const isUnknown = above.isOpen && above.absent?.has(name) !== true
      const made = new Branch(facts, described, isUnknown)
      made.isGuess = above.isGuess || (isUnknown && header === undefined)
      above.children.set(ownName(name), made)
    }
    markWritten(parent, name)
    doubt.placed(parent, name)
    return parent.child(name)
  }

  const doubt = makeUncertain({ tree, layer, branchOf })
  const merging = doubt.merging(
    mergeInPlace({
      vacate,
      namesIn: (directory) => [...branchOf(directory).children.keys()],
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
        const node = branchOf(target.directory).children.get(target.name)
        if (node !== undefined && !isBranch(node)) occupy(directory, name, node)
      }
    })
  )
  const places: Places = {
    start: () => {},
    root: (header) => {
      tree.root.facts = factsOf(header)
      tree.root.layer = layer
    },
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
