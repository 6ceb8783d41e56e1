import { type Dir, lstatSync, opendirSync, readdirSync, rmdirSync, unlinkSync } from "node:fs"
import { toDisk } from "../layer/Directory.ts"

/** The names in a directory, as binary strings. */
export const namesIn = (path: string): ReadonlyArray<string> =>
  readdirSync(toDisk(path), { encoding: "buffer" }).map((name) => name.toString("latin1"))

/** Names read at once. */
const batch = 256

/** `encoding` may be "buffer", which the types leave out. */
const openNames = (path: string): Dir =>
  opendirSync(toDisk(path) as string, { encoding: "buffer" as BufferEncoding, bufferSize: batch })

/** One name at a time: a directory can have millions. */
const empty = (path: string, look: () => void): void => {
  const directories: Array<string> = []
  const names = openNames(path)
  try {
    for (let entry = names.readSync(); entry !== null; entry = names.readSync()) {
      look()
      const name = (entry.name as unknown as Buffer).toString("latin1")
      if (entry.isDirectory()) directories.push(name)
      else unlinkSync(toDisk(`${path}/${name}`))
    }
  } finally {
    names.closeSync()
  }
  for (const name of directories) {
    empty(`${path}/${name}`, look)
    rmdirSync(toDisk(`${path}/${name}`))
  }
}

/**
 * Removes `path` (a binary string) and everything beneath it; links are removed, never followed. False: nothing was there.
 * `look` is called for each name, and may throw.
 */
export const removeTree = (path: string, look: () => void = () => {}): boolean => {
  const stats = lstatSync(toDisk(path), { throwIfNoEntry: false })
  if (stats === undefined) return false
  if (stats.isDirectory()) {
    empty(path, look)
    rmdirSync(toDisk(path))
  } else {
    unlinkSync(toDisk(path))
  }
  return true
}
