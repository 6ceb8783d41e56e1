import type { Layout } from "./Layout.ts"
import { mergeInPlace } from "./rootfs.ts"

/** All layers in one file, a read-only EROFS file system. They are merged as in the layout `rootfs`. */
export const erofs: Layout<unknown> = {
  description: "all layers merged into one file, an EROFS disk image",
  isMerged: true,
  isFile: true,
  // Part of the tree's name, which tells the store that there is a file in it: see `TreePaths`.
  variant: () => ["erofs"],
  merge: mergeInPlace
}
