/** Directories: created once, kept if they are there already, and given their times at the end. */
import { lstatSync, mkdirSync } from "node:fs"
import { codeOf } from "../../api/codeOf.ts"
import type { Ownership } from "../../api/config.ts"
import { type Directory, toDisk } from "../Directory.ts"
import type { EntryHeader } from "../Entry.ts"
import type { Merging } from "../layout/Layout.ts"
import type { Metadata } from "../metadata/metadata.ts"
import { hostMode } from "../metadata/ownership.ts"
import { setLinkTimes } from "../metadata/times.ts"
import type { DiskTree } from "./DiskTree.ts"
import type { CurrentEntry } from "./rules/CurrentEntry.ts"

export interface DirectoriesOptions {
  readonly tree: DiskTree
  readonly entry: CurrentEntry
  readonly metadata: Metadata
  readonly ownership: Ownership
  readonly merging: Merging | undefined
}

export interface Directories {
  /** A directory over a directory keeps its content; anything else with that name is replaced. */
  readonly make: (parent: Directory, name: string, header: EntryHeader) => Directory
  /** Keeps the time that the directory has on disk, whatever is written into it. */
  readonly keepTime: (directory: Directory) => void
  /** Sets the times of directories, deepest first, since what is written into a directory changes its time. */
  readonly finishTimes: (directory: Directory) => void
}

const second = 1_000_000_000n

export const makeDirectories = ({ tree, entry, metadata, ownership, merging }: DirectoriesOptions): Directories => {
  /** False if the directory exists already. */
  const create = (parent: Directory, name: string, mode: number): boolean => {
    const disk = toDisk(parent.at(name))
    try {
      mkdirSync(disk, mode)
      return true
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error
      if (lstatSync(disk).isDirectory()) return false
      tree.vacate(parent, name)
      mkdirSync(disk, mode)
      return true
    }
  }

  const finishTimes = (directory: Directory): void => {
    if (directory.mtime === undefined && directory.children === undefined) return
    entry.look()
    // On a file system that ignores case, a link may have taken a remembered name in another spelling.
    if (!tree.isDirectory(directory)) return
    for (const child of directory.children?.values() ?? []) finishTimes(child)
    if (directory.mtime !== undefined) setLinkTimes(toDisk(directory.path), directory.mtime)
  }

  return {
    make: (parent, name, header) => {
      // Links let a short name lead deep, so the depth is checked here too, not only in the name.
      if (parent.depth >= entry.refusal.limits.depth) throw entry.exceeds("depth", "components", "entry")
      const isHidden = parent.whiteouts?.has(name) === true
      parent.links?.delete(name)
      const created = create(parent, name, hostMode(header, ownership))
      tree.wrote(parent, name)
      metadata.directory(parent.at(name), header, created)
      const child = parent.child(name)
      if (isHidden) merging?.unhidden(child)
      return child
    },
    keepTime: (directory) => {
      const nanos = lstatSync(toDisk(directory.path), { bigint: true }).mtimeNs
      const part = ((nanos % second) + second) % second
      directory.mtime = { seconds: Number((nanos - part) / second), nanos: Number(part) }
    },
    finishTimes
  }
}
