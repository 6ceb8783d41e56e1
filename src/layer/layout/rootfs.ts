import { lstatSync } from "node:fs"
import { namesIn } from "../../fs/removeTree.ts"
import { type Directory, toDisk } from "../Directory.ts"
import type { Layout } from "./Layout.ts"

/**
 * All layers in one directory. A whiteout removes what lower layers left, wherever it stands in its own layer: what
 * this layer wrote stays, be it before or after the marker (containerd forgets implied parents here, umoci does not).
 */
export const makeRootfs = (vacate: (directory: Directory, name: string) => void): Layout => {
  const hide = (directory: Directory, name: string): void => {
    if (directory.written?.has(name) !== true) {
      vacate(directory, name)
      return
    }
    const child = directory.children?.get(name)
    // Asked of the disk: where case does not count, the name may have become a link.
    if (child !== undefined && lstatSync(toDisk(child.path), { throwIfNoEntry: false })?.isDirectory()) hideAll(child)
  }
  const hideAll = (directory: Directory): void => {
    // Once is enough: what comes after it is this layer's own. Each marker would cost as much as the directory is large.
    if (directory.opaque) return
    directory.opaque = true
    for (const name of namesIn(directory.path)) hide(directory, name)
  }
  return {
    hide,
    hideAll,
    yields: (directory, name) => directory.written?.has(name) !== true,
    unhidden: () => {}
  }
}
