import { lstatSync, readdirSync, rmdirSync, unlinkSync } from "node:fs"
import { toDisk } from "../layer/Directory.ts"

/** The names in a directory, as binary strings. */
export const namesIn = (path: string): ReadonlyArray<string> =>
  readdirSync(toDisk(path), { encoding: "buffer" }).map((name) => name.toString("latin1"))

/** Removes `path` (a binary string) and everything beneath it; links are removed, never followed. False: nothing was there. */
export const removeTree = (path: string): boolean => {
  const stats = lstatSync(toDisk(path), { throwIfNoEntry: false })
  if (stats === undefined) return false
  if (stats.isDirectory()) {
    for (const name of namesIn(path)) removeTree(`${path}/${name}`)
    rmdirSync(toDisk(path))
  } else {
    unlinkSync(toDisk(path))
  }
  return true
}
