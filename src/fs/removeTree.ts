import { lstatSync, readdirSync, rmdirSync, unlinkSync } from "node:fs"
import { entriesIn } from "../seams/directoryEntries.ts"
import { pathBytes } from "../seams/pathBytes.ts"

/** Node takes a path as text or as bytes; text is faster, and only ASCII is the same both ways. */
export const toDisk = (binary: string): string | Buffer => (/^[\x01-\x7f]*$/.test(binary) ? binary : pathBytes(binary))

/** The names in a directory, as binary strings. */
export const namesIn = (path: string): ReadonlyArray<string> =>
  readdirSync(toDisk(path), { encoding: "buffer" }).map((name) => name.toString("latin1"))

const empty = (path: string, onEntry: () => void): void => {
  const directories: Array<string> = []
  for (const entry of entriesIn(Buffer.from(path, "latin1"))) {
    onEntry()
    const name = entry.name.toString("latin1")
    if (entry.isDirectory()) directories.push(name)
    else unlinkSync(toDisk(`${path}/${name}`))
  }
  for (const name of directories) {
    empty(`${path}/${name}`, onEntry)
    rmdirSync(toDisk(`${path}/${name}`))
  }
}

/**
 * Removes `path` (a binary string) and everything beneath it; links are removed, never followed. False: nothing was there.
 * `onEntry` is called for each name, and may throw.
 */
export const removeTree = (path: string, onEntry: () => void = () => {}): boolean => {
  const stats = lstatSync(toDisk(path), { throwIfNoEntry: false })
  if (stats === undefined) return false
  if (stats.isDirectory()) {
    empty(path, onEntry)
    rmdirSync(toDisk(path))
  } else {
    unlinkSync(toDisk(path))
  }
  return true
}
