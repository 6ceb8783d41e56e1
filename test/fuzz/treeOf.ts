/** A tree on disk as lines, one for each name; names and bodies byte for byte. */
import { createHash } from "node:crypto"
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs"
import { attributes } from "../support/diskTree.ts"

const pathOf = (binary: string) => Buffer.from(binary, "latin1")

export const treeOf = (root: string): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const inodes = new Map<bigint, string>()
  const visit = (path: string, shown: string) => {
    const stats = lstatSync(pathOf(path), { bigint: true })
    const first = inodes.get(stats.ino)
    if (first === undefined) inodes.set(stats.ino, shown)
    const what = stats.isSymbolicLink()
      ? readlinkSync(pathOf(path), "latin1")
      : stats.isFile()
        ? createHash("sha1")
            .update(readFileSync(pathOf(path)))
            .digest("hex")
        : ""
    const extra = stats.isSymbolicLink() ? "" : JSON.stringify(attributes(pathOf(path).toString()))
    // A directory that is only implied, and a whiteout node, have the time of their making.
    const timeless = stats.isDirectory() || (stats.isCharacterDevice() && stats.rdev === 0n)
    lines.push([shown, stats.mode, stats.size, timeless ? "" : stats.mtimeNs, what, first, extra].join("|"))
    if (!stats.isDirectory()) return
    const names = readdirSync(pathOf(path), { encoding: "latin1" }).sort()
    for (const name of names) visit(`${path}/${name}`, `${shown}/${name}`)
  }
  visit(root, "")
  return lines
}
