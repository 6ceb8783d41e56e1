/** A layer as a lower directory of overlayfs (kernel, Documentation/filesystems/overlayfs.rst). */
import { closeSync, constants, openSync } from "node:fs"
import type { OverlayAttributes } from "../../api/config.ts"
import { native } from "../../fs/native.ts"
import { makeWhiteoutNode } from "../apply/nodes.ts"
import { type Directory, ownName, toDisk } from "../Directory.ts"
import type { Layout } from "./Layout.ts"

const { O_CREAT, O_DIRECTORY = 0, O_EXCL, O_NOFOLLOW = 0, O_RDONLY, O_WRONLY } = constants

export interface OverlayOptions {
  /** Of the layer, a binary string. */
  readonly root: string
  readonly attributes: OverlayAttributes
  /** Removes what stands at a name. */
  readonly vacate: (directory: Directory, name: string) => void
  /** overlayfs always merges the layers' roots: a root that hides everything beneath it cannot be said. */
  readonly opaqueRoot: () => void
}

/** A whiteout node must not be seen inside an opaque directory: readdir would list it. */
const isOpaque = (directory: Directory): boolean => {
  for (let place: Directory | undefined = directory; place !== undefined; place = place.parent) {
    if (place.opaque) return true
  }
  return false
}

export const makeOverlay = ({ root, attributes, vacate, opaqueRoot }: OverlayOptions): Layout => {
  /** The system's code, where it refuses. */
  const trySet = (path: string, flags: number, name: string, value: string): string | undefined => {
    const fd = openSync(toDisk(path), flags | O_NOFOLLOW, 0o600)
    try {
      const full = `${attributes}.overlay.${name}`
      return native.setAttribute === undefined
        ? "ENOSYS"
        : native.setAttribute(fd, toDisk(path), full, Buffer.from(value))
    } finally {
      closeSync(fd)
    }
  }

  const set = (path: string, flags: number, name: string, value: string): void => {
    const code = trySet(path, flags, name, value)
    if (code !== undefined) throw Object.assign(new Error(code), { code, syscall: "setxattr", path: toDisk(path) })
  }

  const setOpaque = (directory: Directory, value: "x" | "y") =>
    set(directory.path, O_RDONLY | O_DIRECTORY, "opaque", value)

  /**
   * A directory that no other layer of a mount has is read as it is, whiteouts among its names, unless it once was merged
   * (`ovl_dir_is_real`): an origin, though an unknown one, says that of it. Where no attribute can be set, names are seen
   * that nothing stands behind, and nothing else is wrong.
   */
  const setMerged = (directory: Directory) => {
    if (directory.parent === undefined || directory.whiteouts !== undefined) return
    trySet(directory.path, O_RDONLY | O_DIRECTORY, "origin", "")
  }

  /** Character device 0:0. Else an empty file with an attribute, since Linux 6.7. */
  const makeWhiteout = (directory: Directory, name: string): void => {
    const path = directory.at(name)
    if (makeWhiteoutNode(root, path)) return
    set(path, O_WRONLY | O_CREAT | O_EXCL, "whiteout", "y")
    setOpaque(directory, "x")
  }

  const dropWhiteouts = (directory: Directory): void => {
    for (const name of directory.whiteouts ?? []) vacate(directory, name)
    // Beneath an opaque directory there are none: each directory is looked at once, however many are made opaque.
    for (const child of directory.children?.values() ?? []) if (!child.opaque) dropWhiteouts(child)
  }

  const hideAll = (directory: Directory): void => {
    if (directory.opaque) return
    if (directory.parent === undefined) opaqueRoot()
    dropWhiteouts(directory)
    setOpaque(directory, "y")
    directory.opaque = true
  }

  return {
    hide: (directory, name) => {
      if (isOpaque(directory) || directory.whiteouts?.has(name)) return
      if (directory.written?.has(name)) {
        // This layer's own file hides the lower one already; its own directory must not be merged with the lower one.
        const child = directory.children?.get(name)
        if (child !== undefined) hideAll(child)
        return
      }
      setMerged(directory)
      makeWhiteout(directory, name)
      directory.whiteouts ??= new Set()
      directory.whiteouts.add(ownName(name))
    },
    hideAll,
    yields: (directory, name) => directory.whiteouts?.has(name) === true,
    unhidden: hideAll
  }
}
