/** The layer's tree on disk: creates and removes by directory and name. */
import { closeSync, constants, linkSync, lstatSync, openSync, readlinkSync, symlinkSync } from "node:fs"
import { codeOf } from "../../api/codeOf.ts"
import { native } from "../../fs/native.ts"
import { namesIn, removeTree } from "../../fs/removeTree.ts"
import { type Directory, toDisk } from "../Directory.ts"
import { markWritten, type Tree } from "../layout/Layout.ts"
import type { StatFile } from "../metadata/StatFile.ts"
import { makeWhiteoutNode } from "./nodes.ts"
import type { LinkTarget } from "./rules/links.ts"
import type { FindAt } from "./rules/PathResolver.ts"

const { O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_RDONLY, O_RDWR } = constants

/** Exclusive: a name that exists is never opened, so no link is ever followed. A body that was cloned is read again. */
export const exclusive = O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW

export interface DiskTreeOptions {
  readonly root: Directory
  readonly statFile: StatFile
  /** Layers are merged here, so what this one writes is remembered; directories that it makes for whiteouts alone are not. */
  readonly isWriting: () => boolean
  /** Drops cached paths, at each removal and each replacement. */
  readonly forget: () => void
  readonly look: () => void
  readonly opaqueRoot: () => void
}

export interface DiskTree extends Tree {
  /** Length of the root's path and the slash after it, which paths in the stat file lack. */
  readonly prefix: number
  readonly at: FindAt
  /** A hard link, where nothing stands. */
  readonly join: (directory: Directory, name: string, target: LinkTarget) => void
  /**
   * Creates something. What was there is removed first, since the last entry of a name wins. `disk` is the path as Node
   * takes it.
   */
  readonly occupy: <A>(directory: Directory, name: string, make: (disk: string | Buffer) => A) => A
  /** This layer wrote `name`. */
  readonly wrote: (directory: Directory, name: string) => void
}

export const makeDiskTree = ({ root, statFile, isWriting, forget, look, opaqueRoot }: DiskTreeOptions): DiskTree => {
  const prefix = root.path.length + 1

  const vacate = (directory: Directory, name: string): void => {
    forget()
    directory.vacated(name)
    const path = directory.at(name)
    if (removeTree(path, look)) statFile.removed(path.slice(prefix))
  }

  const wrote = (directory: Directory, name: string): void => {
    if (isWriting()) markWritten(directory, name)
  }

  return {
    root,
    prefix,
    vacate,
    wrote,
    at: (directory, name) => {
      const path = toDisk(directory.at(name))
      const stats = lstatSync(path, { throwIfNoEntry: false })
      if (stats === undefined) return undefined
      if (stats.isDirectory()) return "directory"
      return stats.isSymbolicLink() ? { target: readlinkSync(path, "buffer").toString("latin1") } : "other"
    },
    join: (directory, name, target) => {
      const [from, to] = [toDisk(target.directory.at(target.name)), toDisk(directory.at(name))]
      // link(2) follows a symbolic link everywhere but on Linux.
      if (target.isSymlink && process.platform !== "linux") symlinkSync(readlinkSync(from, "buffer"), to)
      else linkSync(from, to)
      wrote(directory, name)
    },
    occupy: (directory, name, make) => {
      const disk = toDisk(directory.at(name))
      directory.links?.delete(name)
      let made: ReturnType<typeof make>
      try {
        made = make(disk)
      } catch (error) {
        if (codeOf(error) !== "EEXIST") throw error
        vacate(directory, name)
        made = make(disk)
      }
      wrote(directory, name)
      return made
    },
    namesIn: (directory) => namesIn(directory.path),
    isDirectory: (directory) => lstatSync(toDisk(directory.path), { throwIfNoEntry: false })?.isDirectory() === true,
    makeWhiteoutNode: (path) => makeWhiteoutNode(root.path, path),
    makeFile: (path) => closeSync(openSync(toDisk(path), exclusive, 0o600)),
    setAttribute: (path, name, value) => {
      if (native.setAttribute === undefined) return "ENOSYS"
      const fd = openSync(toDisk(path), O_RDONLY | O_NOFOLLOW)
      try {
        return native.setAttribute(fd, toDisk(path), name, Buffer.from(value))
      } finally {
        closeSync(fd)
      }
    },
    opaqueRoot
  }
}
