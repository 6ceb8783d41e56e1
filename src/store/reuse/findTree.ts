/** Which tree has the files of a layer. */
import * as Effect from "effect/Effect"
import type { FileSystemFailed } from "../../api/errors.ts"
import type { Tree } from "../trees/TreePaths.ts"
import { treeKey } from "../trees/treeForms.ts"
import type { Archives } from "./Archives.ts"

/** A layer of an image, as the catalogue has it. */
export interface NamedLayer {
  readonly digest: string
  /** The diffID that the image's config names. */
  readonly diffId: string
  /** Its blob was found to have that diffID. */
  readonly isProven: boolean
  /**
   * The digest in the name of the tree that was there in place of its own when the image was pulled: of another blob, or
   * of the layer's table of contents.
   */
  readonly tree: string | null
}

export interface FindTreeOptions {
  readonly archives: Archives
  readonly variant: string
  /** Whether the blob of this digest has a tree of this variant. */
  readonly isThere: (digest: string) => boolean | Effect.Effect<boolean, FileSystemFailed>
  /** All on disk, where the caller has listed them. */
  readonly trees?: ReadonlyArray<Tree>
}

/**
 * Finds the tree of a layer, and gives the digest that it is named by: that of the tree which the image was pulled with, else the
 * layer's own, else that of another blob with the same archive. `undefined` if no such tree is on disk.
 */
export const findTree = Effect.fnUntraced(function* (
  { digest, diffId, isProven, tree }: NamedLayer,
  { archives, variant, isThere, trees }: FindTreeOptions
) {
  for (const one of [...(tree === null ? [] : [tree]), ...(isProven ? [digest] : [])]) {
    const there = isThere(one)
    if (typeof there === "boolean" ? there : yield* there) return one
  }
  return diffId === "" ? undefined : yield* archives.find(diffId, variant, trees)
})

/** The same among these trees, which are all that are on disk. A layer without a tree has its own digest. */
export const findTrees = (archives: Archives, trees: ReadonlyArray<Tree>) => {
  const there = new Set(trees.map(treeKey))
  return (layer: NamedLayer, variant: string) => {
    const isThere = (digest: string) => there.has(treeKey({ kind: "extracted", variant, digest }))
    return Effect.map(findTree(layer, { archives, variant, isThere, trees }), (digest) => digest ?? layer.digest)
  }
}
