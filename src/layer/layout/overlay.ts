/** A layer as a lower directory of overlayfs (kernel, Documentation/filesystems/overlayfs.rst). */
import { ModuleMissing } from "../../api/errors.ts"
import { type Directory, ownName } from "../Directory.ts"
import type { Layout, Merging, Tree } from "./Layout.ts"

/** Whose attributes the mount reads: `trusted.overlay.*` needs root, `user.overlay.*` the mount option `userxattr`. */
export type OverlayAttributes = "trusted" | "user"

export interface OverlayOptions {
  readonly overlayAttributes: OverlayAttributes
}

const attributeNeeded = (name: string) =>
  new ModuleMissing({
    module: "koffi",
    problem: `the layout overlay needs koffi or fs-xattr to set the attribute overlay.${name} of a directory. Run: npm install koffi`
  })

const merge = (tree: Tree, { overlayAttributes }: OverlayOptions): Merging => {
  const { vacate } = tree

  /** Gives the system's code where it refuses. */
  const trySet = (path: string, name: string, value: string) =>
    tree.setAttribute(path, `${overlayAttributes}.overlay.${name}`, value)

  const set = (path: string, name: string, value: string): void => {
    const code = trySet(path, name, value)
    if (code === "ENOSYS") throw attributeNeeded(name)
    if (code !== undefined)
      throw Object.assign(new Error(code), { code, syscall: "setxattr", path: Buffer.from(path, "latin1").toString() })
  }

  const setOpaque = (directory: Directory, value: "x" | "y") => set(directory.path, "opaque", value)

  /**
   * A directory that no other layer of a mount has is read as it is, whiteouts among its names, unless it once was merged
   * (`ovl_dir_is_real`): an origin, though an unknown one, says that of it. Where no attribute can be set, names are seen
   * that nothing stands behind, and nothing else is wrong.
   */
  const setMerged = (directory: Directory) => {
    if (directory.parent === undefined || directory.whiteouts !== undefined) return
    trySet(directory.path, "origin", "")
  }

  /** Character device 0:0. Else an empty file with an attribute, since Linux 6.7. */
  const makeWhiteout = (directory: Directory, name: string): void => {
    const path = directory.at(name)
    if (tree.makeWhiteoutNode(path)) return
    tree.makeFile(path)
    set(path, "whiteout", "y")
    setOpaque(directory, "x")
  }

  /** Also directories that are there for whiteouts alone. */
  const dropWhiteouts = (directory: Directory): void => {
    for (const name of directory.whiteouts ?? []) vacate(directory, name)
    for (const child of [...(directory.children?.values() ?? [])]) {
      if (directory.written?.has(child.name) !== true) vacate(directory, child.name)
      // Beneath an opaque directory there are none: each directory is looked at once, however many are made opaque.
      else if (!child.opaque) dropWhiteouts(child)
    }
  }

  const hideAll = (directory: Directory): void => {
    if (directory.opaque) return
    if (directory.parent === undefined) tree.opaqueRoot()
    dropWhiteouts(directory)
    setOpaque(directory, "y")
    directory.opaque = true
  }

  return {
    hide: (directory, name) => {
      // A whiteout node must not be seen inside an opaque directory: readdir would list it.
      if (directory.isBeneathOpaque || directory.whiteouts?.has(name)) return
      if (directory.written?.has(name)) {
        // This layer's own file hides the lower one already; its own directory must not be merged with the lower one.
        const child = directory.children?.get(name)
        if (child !== undefined) hideAll(child)
        return
      }
      // A directory that is there for the whiteouts in it alone: this one says more.
      if (directory.children?.has(name) === true) vacate(directory, name)
      setMerged(directory)
      makeWhiteout(directory, name)
      directory.whiteouts ??= new Set()
      directory.whiteouts.add(ownName(name))
    },
    hideAll,
    makesParents: true,
    yields: (directory, name) => directory.whiteouts?.has(name) === true,
    unhidden: hideAll
  }
}

export const overlay: Layout<OverlayOptions> = {
  description: "a directory for each layer, for overlayfs",
  isMerged: false,
  variant: ({ overlayAttributes }) => ["overlay", overlayAttributes],
  merge
}
