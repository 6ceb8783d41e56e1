/**
 * What is not known about a tree as long as lower layers have not been read. A directory that no entry describes may be a
 * symbolic link in a lower layer. Then its content belongs elsewhere: the directory is unknown, the last name is known. A hard
 * link may have its target in a lower layer. So the last names of all of these are noted, and a search for a path with one of
 * them reads on. If all layers are applied, nothing is noted.
 */
import { isReason } from "../../../api/errors.ts"
import type { Links } from "../../../layer/apply/rules/links.ts"
import type { PathResolver } from "../../../layer/apply/rules/PathResolver.ts"
import { type ApplyWhiteout, whiteoutOf } from "../../../layer/apply/rules/whiteouts.ts"
import { type Directory, ownName } from "../../../layer/Directory.ts"
import type { Merging } from "../../../layer/layout/Layout.ts"
import { type MergedTree, type Node, root } from "./MergedTree.ts"

export interface UncertainOptions {
  readonly tree: MergedTree
  /** Which layer is applied. */
  readonly layer: number
  readonly nodeOf: (directory: Directory) => Node
}

/** Nothing of lower layers is in it, or beneath it. */
const close = (tree: MergedTree, directory: Node): void => {
  // What is beneath a closed directory is closed already.
  if (!tree.isOpen(directory)) return
  tree.setOpen(directory, false)
  for (const child of tree.names.in(directory)) if (tree.isDirectory(child)) close(tree, child)
}

export const makeUncertain = ({ tree, layer, nodeOf }: UncertainOptions) => {
  const isWhole = !tree.isOpen(root)

  const note = (name: string): void => {
    if (tree.uncertain !== "everything") tree.uncertain.add(ownName(name))
  }

  /** Something was put, or hidden, at this name. */
  const placed = (directory: Directory, name: string): void => {
    if (isWhole) return
    const above = nodeOf(directory)
    const child = tree.childAt(above, name)
    if (!tree.isGuess(above) && !(child !== undefined && tree.isGuess(child))) return
    note(name)
    tree.guessed = layer
  }

  return {
    placed,

    merging: (rules: Merging): Merging => {
      if (isWhole) return rules
      const closeAt = (directory: Directory) => close(tree, nodeOf(directory))
      return {
        ...rules,
        hide: (directory, name) => {
          rules.hide(directory, name)
          placed(directory, name)
          const child = tree.childAt(nodeOf(directory), name)
          if (child !== undefined && tree.isDirectory(child)) close(tree, child)
        },
        hideAll: (directory) => {
          rules.hideAll(directory)
          if (tree.isGuess(nodeOf(directory))) tree.uncertain = "everything"
          closeAt(directory)
        }
      }
    },

    /** A whiteout in a directory that is not known may hide something, wherever that directory leads. */
    whiteouts: (apply: ApplyWhiteout, within: PathResolver): ApplyWhiteout => {
      if (isWhole) return apply
      return (names, name) => {
        const whiteout = whiteoutOf(name)
        if (whiteout?.kind === "hides" || whiteout?.kind === "opaque") {
          if (within.look(names) === "missing") {
            if (whiteout.kind === "opaque") tree.uncertain = "everything"
            else note(whiteout.name)
          }
        }
        return apply(names, name)
      }
    },

    links: (links: Links): Links => {
      if (isWhole) return links
      return {
        link: (directory, name, header) => {
          links.link(directory, name, header)
          const { uncertain } = tree
          const target = header.linkPath.split("/")
          const isPending = directory.links?.has(name) === true
          if (isPending || uncertain === "everything" || target.some((it) => uncertain.has(it))) note(name)
        },
        finish: () => {
          try {
            links.finish()
          } catch (error) {
            // Of a target that is not here: the links that wait are noted.
            if (!isReason(error)) throw error
          }
        }
      }
    }
  }
}
