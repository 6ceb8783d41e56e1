/**
 * The forms that an image's trees were made in: with which options, and one for each layer or one for all. The
 * catalogue records them (`manifest_trees`), because the trees do not tell: one may be another image's, or left by a
 * pull that did not finish.
 */
import type { Tree, TreeForm, TreePaths } from "./TreePaths.ts"

export const isSame = (a: TreeForm) => (b: TreeForm) => a.kind === b.kind && a.variant === b.variant

/** The form that a store makes trees in. */
export const formOf = ({ variant, rootfsPath }: TreePaths): TreeForm => ({
  kind: rootfsPath === undefined ? "extracted" : "rootfs",
  variant
})

/** One text for each tree. */
export const treeKey = ({ kind, variant, digest }: TreeForm & { readonly digest: string }) =>
  `${kind} ${variant} ${digest}`

/** The forms in which an image is complete. An image without layers needs no trees. */
export const wholeForms = (trees: ReadonlyArray<Tree>) => {
  const there = new Set(trees.map(treeKey))
  const variants = [...new Set(trees.map(({ variant }) => variant))].sort()
  return (manifest: string, layers: ReadonlyArray<{ readonly digest: string }>): ReadonlyArray<TreeForm> => [
    ...variants
      .map((variant): TreeForm => ({ kind: "extracted", variant }))
      .filter((form) => layers.length > 0 && layers.every(({ digest }) => there.has(treeKey({ ...form, digest })))),
    ...variants
      .map((variant): TreeForm => ({ kind: "rootfs", variant }))
      .filter((form) => there.has(treeKey({ ...form, digest: manifest })))
  ]
}

/**
 * The forms to assume for an image without recorded ones: those in which it is complete, else the one with the most of
 * its trees.
 */
export const likelyForms = (trees: ReadonlyArray<Tree>) => {
  const wholeOf = wholeForms(trees)
  return (manifest: string, layers: ReadonlyArray<{ readonly digest: string }>): ReadonlyArray<TreeForm> => {
    const whole = wholeOf(manifest, layers)
    if (whole.length > 0) return whole
    const digests = new Set(layers.map(({ digest }) => digest))
    const found = new Map<string, number>()
    for (const { kind, variant, digest } of trees)
      if (kind === "extracted" && digests.has(digest)) found.set(variant, (found.get(variant) ?? 0) + 1)
    const [most] = [...found].sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1))
    return most === undefined ? [] : [{ kind: "extracted", variant: most[0] }]
  }
}
