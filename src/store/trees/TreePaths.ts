/**
 * The names of extracted trees: `<digest>[.<variant>].extracted` for a layer, `<manifest digest>[.<variant>].rootfs`
 * for an image's layers merged. The variant stands for the options that a tree was made with, and is absent for the
 * defaults. So trees made with different options stand in one directory, and none is taken for another. The file
 * `<tree>.stat` belongs to its tree. A tree of the variant `erofs` has one file, which is the image's file system.
 */
import { join } from "node:path"

export interface TreePaths {
  readonly layersDir: string
  /** The variant of these names; empty for the default options. */
  readonly variant: string
  readonly layerPath: (digest: string) => string
  /** Where the layers of a manifest are merged; absent where each has a directory of its own. */
  readonly rootfsPath?: (manifest: string) => string
}

/** `:` cannot stand in a file name on Windows. */
export const fileName = (text: string) => (process.platform === "win32" ? text.replaceAll(":", "_") : text)

export const makeTreePaths = (layersDir: string, variant: string): Required<TreePaths> => {
  const at = (kind: TreeKind) => (digest: string) =>
    join(layersDir, [fileName(digest), ...(variant === "" ? [] : [variant]), kind].join("."))
  return { layersDir, variant, layerPath: at("extracted"), rootfsPath: at("rootfs") }
}

export type TreeKind = "extracted" | "rootfs"

const partWord = "part"

/** The variant of trees that are a part of an image's; `part`: which one, in the letters from `a` to `p`. */
export const partVariant = (variant: string, part: string): string =>
  [...(variant === "" ? [] : [variant]), partWord, part].join("-")

/** The trees of this variant have a disk image each, in place of the image's files. */
export const isDiskImage = (variant: string): boolean => /^erofs(?:-part-[a-p]{32})?$/.test(variant)

/** The disk image in such a tree. */
export const diskImageIn = (tree: string): string => join(tree, "image.erofs")

/** What a program is given of a merged tree: its directory, or the disk image in it. */
export const mergedIn = (tree: string, variant: string): string => (isDiskImage(variant) ? diskImageIn(tree) : tree)

/** The tree has a part of the image's files, and perhaps not every layer was read for it. */
export const isPart = ({ kind, variant }: TreeForm): boolean =>
  kind === "rootfs" && /(?:^|-)part-[a-p]{32}$/.test(variant)

/** The same, of trees that are otherwise made as those of this variant. */
export const isPartOf = (form: TreeForm, variant: string): boolean =>
  isPart(form) && form.variant.startsWith(partVariant(variant, ""))

/** With which options trees are made, and whether there is one for each layer or one for all of an image. */
export interface TreeForm {
  readonly kind: TreeKind
  readonly variant: string
}

export const isForm = ({ kind, variant }: { readonly kind: unknown; readonly variant: unknown }): boolean =>
  (kind === "extracted" || kind === "rootfs") && typeof variant === "string" && /^(?:[a-z][a-z-]*)?$/.test(variant)

/** A tree by its name. */
export interface Tree extends TreeForm {
  readonly name: string
  /** The digest of the layer's blob, or of the manifest. */
  readonly digest: string
}

const pattern = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*)[:_]([A-Za-z0-9=_-]+)(?:\.([a-z][a-z-]*))?\.(extracted|rootfs)$/

/** `undefined` for every other name: the directory may contain other things as well. */
export const readTreeName = (name: string): Tree | undefined => {
  const [, algorithm, encoded, variant = "", kind] = pattern.exec(name) ?? []
  if (algorithm === undefined || (kind !== "extracted" && kind !== "rootfs")) return undefined
  return { name, digest: `${algorithm}:${encoded}`, variant, kind }
}
