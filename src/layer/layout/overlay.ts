/** A layer as a lower directory of overlayfs (kernel, Documentation/filesystems/overlayfs.rst). */
import { closeSync, constants, openSync } from "node:fs"
import type { OverlayAttributes } from "../../api/config.ts"
import { native } from "../../fs/native.ts"
import { type Directory, toDisk } from "../Directory.ts"
import type { Layout } from "./Layout.ts"

const { O_CREAT, O_DIRECTORY = 0, O_EXCL, O_NOFOLLOW = 0, O_RDONLY, O_WRONLY } = constants

export interface OverlayOptions {
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

export const makeOverlay = ({ attributes, vacate, opaqueRoot }: OverlayOptions): Layout => {
  const set = (path: string, flags: number, name: string, value: string): void => {
    const fd = openSync(toDisk(path), flags | O_NOFOLLOW, 0o600)
    try {
      const full = `${attributes}.overlay.${name}`
      const code =
        native.setAttribute === undefined ? "ENOSYS" : native.setAttribute(fd, toDisk(path), full, Buffer.from(value))
      if (code !== undefined) throw Object.assign(new Error(code), { code, syscall: "setxattr", path: toDisk(path) })
    } finally {
      closeSync(fd)
    }
  }

  const setOpaque = (directory: Directory, value: "x" | "y") =>
    set(directory.path, O_RDONLY | O_DIRECTORY, "opaque", value)

  /** Character device 0:0: since Linux 5.8 everybody may make it. Else an empty file with an attribute, since 6.7. */
  const makeWhiteout = (directory: Directory, name: string): void => {
    const path = directory.at(name)
    if (native.makeNode?.(toDisk(path), constants.S_IFCHR, 0, 0) === undefined && native.makeNode !== undefined) return
    set(path, O_WRONLY | O_CREAT | O_EXCL, "whiteout", "y")
    setOpaque(directory, "x")
  }

  const dropWhiteouts = (directory: Directory): void => {
    for (const name of directory.whiteouts ?? []) vacate(directory, name)
    for (const child of directory.children.values()) dropWhiteouts(child)
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
        const child = directory.children.get(name)
        if (child !== undefined) hideAll(child)
        return
      }
      makeWhiteout(directory, name)
      directory.whiteouts ??= new Set()
      directory.whiteouts.add(name)
    },
    hideAll,
    yields: (directory, name) => directory.whiteouts?.has(name) === true,
    unhidden: hideAll
  }
}
