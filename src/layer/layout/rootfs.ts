import type { Directory } from "../Directory.ts"
import type { Layout, Merging, Tree } from "./Layout.ts"

export interface MergedInPlace extends Pick<Tree, "vacate" | "namesIn" | "isDirectory"> {
  /** Whether this layer wrote the name, or something beneath it. Default: as `markWritten` noted. */
  readonly isWritten?: (directory: Directory, name: string) => boolean
}

/**
 * A whiteout removes what lower layers left, wherever it stands in its own layer: what this layer wrote stays, be it
 * before or after the marker (containerd forgets implied parents here, umoci does not).
 */
export const mergeInPlace = ({
  vacate,
  namesIn,
  isDirectory,
  isWritten = (directory, name) => directory.written?.has(name) === true
}: MergedInPlace): Merging => {
  const hide = (directory: Directory, name: string): void => {
    if (!isWritten(directory, name)) {
      vacate(directory, name)
      return
    }
    const child = directory.children?.get(name)
    if (child !== undefined && isDirectory(child)) hideAll(child)
  }
  const hideAll = (directory: Directory): void => {
    // Once is enough: what comes after it is this layer's own. Each marker would cost as much as the directory is large.
    if (directory.opaque) return
    directory.opaque = true
    for (const name of namesIn(directory)) hide(directory, name)
  }
  return {
    hide,
    hideAll,
    makesParents: false,
    yields: (directory, name) => !isWritten(directory, name),
    unhidden: () => {}
  }
}

/** All layers in one directory. */
export const rootfs: Layout<unknown> = {
  description: "all layers merged",
  isMerged: true,
  // The directory's name says it: see `TreePaths`.
  variant: () => [],
  merge: mergeInPlace
}
