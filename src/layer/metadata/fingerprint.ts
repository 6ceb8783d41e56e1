/**
 * What a finished tree looks like, as one hash: so that it can be told later whether it still does. Of each entry the
 * name, the kind, the number of a device, the target of a symbolic link, which earlier entry a hard link shares its inode
 * with; of each file that has bytes its size and time. Where owners are real, owners and modes as well.
 *
 * Two extractions of one layer have the same fingerprint. So what no archive sets is left out: the times of directories,
 * some of which no entry describes, and of empty files, which whiteouts may be. No file is opened: that costs what the
 * extraction did. Synchronous, for the worker.
 */
import { createHash } from "node:crypto"
import { constants, lstatSync, readdirSync, readlinkSync, type Stats } from "node:fs"
import { FileSystemFailed } from "../../api/errors.ts"
import { toDisk } from "../Directory.ts"
import { type FingerprintFacts, fingerprintPrefixes } from "../FingerprintFacts.ts"

/** Characters between two turns of the hash. */
const turn = 2 ** 16

/** The names in a directory, as binary strings, in the order of their bytes. */
const namesOf = (directory: string) => readdirSync(toDisk(directory), { encoding: "latin1" }).sort()

const walk = (root: string, facts: FingerprintFacts, look: () => void): string => {
  const hash = createHash("sha256")
  /** Where an inode with several names was first seen. */
  const first = new Map<number, number>()
  let entries = 0
  let text = ""

  const kind = (stats: Stats): string => {
    const type = stats.mode & constants.S_IFMT
    if (facts === "plain") return `${type}`
    // A link's own mode means nothing, and differs from system to system.
    return `${type === constants.S_IFLNK ? type : stats.mode} ${stats.uid} ${stats.gid}`
  }

  const rest = (stats: Stats, path: string): string => {
    if (stats.isFile()) return stats.size === 0 ? "0" : `${stats.size} ${stats.mtimeMs}`
    if (stats.isSymbolicLink()) return readlinkSync(toDisk(path), { encoding: "buffer" }).toString("latin1")
    return stats.isDirectory() ? "" : `${stats.rdev}`
  }

  // Neither a name nor a target holds a NUL, and no name is a slash: no tree can be written as another one.
  const visit = (directory: string): void => {
    for (const name of namesOf(directory)) {
      look()
      entries += 1
      const path = `${directory}/${name}`
      const stats = lstatSync(toDisk(path))
      const isDirectory = stats.isDirectory()
      const earlier = isDirectory || stats.nlink === 1 ? undefined : first.get(stats.ino)
      if (!isDirectory && stats.nlink > 1 && earlier === undefined) first.set(stats.ino, entries)
      text += `${name}\0${earlier === undefined ? `${kind(stats)} ${rest(stats, path)}` : `= ${earlier}`}\0`
      if (text.length > turn) {
        hash.update(text, "latin1")
        text = ""
      }
      if (isDirectory) visit(path)
    }
    text += "/\0"
  }

  text += `${kind(lstatSync(toDisk(root)))}\0`
  visit(root)
  // What the files could not say for themselves stands beside them.
  const beside = lstatSync(toDisk(`${root}.stat`), { throwIfNoEntry: false })
  return hash.update(`${text}${beside?.size}`, "latin1").digest("hex")
}

/** `look` is called at each entry, and may throw. What the system refuses is a `FileSystemFailed`. */
export const fingerprint = (directory: string, facts: FingerprintFacts, look: () => void): string => {
  try {
    return `${fingerprintPrefixes[facts]}:${walk(Buffer.from(directory).toString("latin1"), facts, look)}`
  } catch (error) {
    const { code, syscall, path } = error as NodeJS.ErrnoException
    if (code === undefined || syscall === undefined) throw error
    throw new FileSystemFailed({ operation: syscall, path: path === undefined ? directory : String(path), code })
  }
}
