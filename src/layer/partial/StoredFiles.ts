/**
 * The files of stored trees by digest. Beside each tree whose layer had a table there is an index, a line for each file: its
 * SHA-256, and its path as JSON. An index proves nothing: each file is hashed as it is read.
 */
import { lstatSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs"
import { codeOrMessage } from "../../api/codeOf.ts"
import { FileSystemFailed } from "../../api/errors.ts"
import { toDisk } from "../Directory.ts"
import type { IndexedTree } from "./Table.ts"

/** Bytes of an index that is read. */
const mostBytes = 2 ** 26

const hexDigits = 64

/** Content that some file of the layer has. */
export interface Content {
  readonly digest: string
  readonly size: number
  /** A file of the store that had it when it was indexed. A binary string. */
  found: string | undefined
}

export const writeIndex = (path: string, lines: ReadonlyArray<string>): void => {
  try {
    writeFileSync(path, lines.join(""), { mode: 0o644 })
  } catch (error) {
    throw new FileSystemFailed({ operation: "write", path, code: codeOrMessage(error) })
  }
}

/** `path`: of the archive, a binary string. */
export const indexLine = (digest: string, path: string): string => `${digest} ${JSON.stringify(path)}\n`

/** The path in a tree; nothing where a name could lead out of it. */
const within = (line: string): string | undefined => {
  let path: unknown
  try {
    path = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof path !== "string") return undefined
  const names = path.split("/").filter((name) => name !== "" && name !== ".")
  return names.length === 0 || names.includes("..") ? undefined : names.join("/")
}

/** Whether a directory is in the tree, and not reached through a link that leads out of it. */
const makeIsWithin = (root: string) => {
  const known = new Map<string, boolean>()
  const resolved = realpathSync(toDisk(root), { encoding: "buffer" }).toString("latin1")
  return (directory: string): boolean => {
    const before = known.get(directory)
    if (before !== undefined) return before
    let isWithin = false
    try {
      const real = realpathSync(toDisk(directory), { encoding: "buffer" }).toString("latin1")
      isWithin = real === resolved + directory.slice(root.length)
    } catch {
      // It is gone, or cannot be entered.
    }
    known.set(directory, isWithin)
    return isWithin
  }
}

const read = (path: string): Buffer | undefined => {
  try {
    return statSync(path).size > mostBytes ? undefined : readFileSync(path)
  } catch {
    return undefined
  }
}

const isFileOf = (path: string, size: number): boolean => {
  try {
    const stats = lstatSync(toDisk(path))
    return stats.isFile() && stats.size === size
  } catch {
    return false
  }
}

const searchTree = ({ index, directory }: IndexedTree, wanted: ReadonlyMap<string, Content>, look: () => void) => {
  const lines = read(index)
  const root = Buffer.from(directory).toString("latin1")
  if (lines === undefined) return
  const isWithin = makeIsWithin(root)
  for (let at = 0; at < lines.length; ) {
    const found = lines.indexOf(10, at)
    const end = found === -1 ? lines.length : found
    const content = wanted.get(lines.toString("latin1", at, at + hexDigits))
    if (content !== undefined && content.found === undefined) {
      look()
      const path = within(lines.toString("utf8", at + hexDigits + 1, end))
      const whole = `${root}/${path}`
      if (path !== undefined && isWithin(whole.slice(0, whole.lastIndexOf("/"))) && isFileOf(whole, content.size))
        content.found = whole
    }
    at = end + 1
  }
}

/** Sets `found` of what the trees have. */
export const findStored = (
  trees: ReadonlyArray<IndexedTree>,
  wanted: ReadonlyMap<string, Content>,
  look: () => void
): void => {
  for (const tree of trees) {
    try {
      searchTree(tree, wanted, look)
    } catch (error) {
      // A tree that is gone by now has nothing.
      if (codeOrMessage(error) !== "ENOENT") throw error
    }
  }
}
