/** What extractions leave, and what must be gone before the next ones. */
import { type Dirent, readdirSync, rmdirSync, unlinkSync } from "node:fs"
import { toDisk } from "../../src/layer/Directory.ts"

/** A layer's directory, and the file that may be beside it. */
export const isRoot = (name: string): boolean => /^root\d(?:\.stat)?$/.test(name)

const entriesIn = (path: string): ReadonlyArray<Dirent> =>
  readdirSync(toDisk(path), { withFileTypes: true, encoding: "latin1" })

/** `rmSync` asks of each name what it is, and tries before it lists. */
const remove = (place: string, entry: Dirent): void => {
  const path = `${place}/${entry.name}`
  if (entry.isDirectory()) {
    for (const each of entriesIn(path)) remove(path, each)
    rmdirSync(toDisk(path))
  } else unlinkSync(toDisk(path))
}

export const clear = (outside: string): void => {
  for (const entry of entriesIn(outside)) if (isRoot(entry.name)) remove(outside, entry)
}
