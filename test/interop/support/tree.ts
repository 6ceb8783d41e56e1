/** What a directory holds, down to the last attribute: for comparing an extraction with another program's. */
import { createHash } from "node:crypto"
import { closeSync, constants, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs"
import { join } from "node:path"
import { getAttributeSync, listAttributesSync } from "fs-xattr"

export interface Node {
  readonly kind: string
  /** All of `st_mode`. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly rdev: number
  readonly mtime: bigint
  readonly size: number
  readonly content?: string
  readonly target?: string
  /** The first path, in order, of the same inode. */
  readonly same?: string
  readonly xattrs: Readonly<Record<string, string>>
}

const buffer = Buffer.alloc(1 << 20)
const sha256 = (path: string | Buffer) => {
  const hash = createHash("sha256")
  const fd = openSync(path, "r")
  try {
    for (let n = readSync(fd, buffer); n > 0; n = readSync(fd, buffer)) hash.update(buffer.subarray(0, n))
  } finally {
    closeSync(fd)
  }
  return hash.digest("hex")
}

const kinds = new Map([
  [constants.S_IFIFO, "fifo"],
  [constants.S_IFCHR, "character-device"],
  [constants.S_IFDIR, "directory"],
  [constants.S_IFBLK, "block-device"],
  [constants.S_IFREG, "file"],
  [constants.S_IFLNK, "symlink"],
  [constants.S_IFSOCK, "socket"]
])

/** Path (bytes as latin1) → what is there; the root itself is `.`. Names that are not UTF-8 carry no xattrs here. */
export const readTree = (root: string, options: { readonly content?: boolean } = {}): Map<string, Node> => {
  const nodes = new Map<string, Node>()
  const inodes = new Map<string, string>()
  const visit = (name: string) => {
    const path = Buffer.concat([Buffer.from(root), Buffer.from(name === "." ? "" : `/${name}`, "latin1")])
    const stat = lstatSync(path, { bigint: true })
    const kind = kinds.get(Number(stat.mode) & constants.S_IFMT) ?? "unknown"
    const inode = `${stat.dev}:${stat.ino}`
    const same = kind !== "directory" && stat.nlink > 1n ? (inodes.get(inode) ?? name) : undefined
    if (same === name) inodes.set(inode, name)
    const text = path.toString()
    const xattrs: Record<string, string> = {}
    if ((kind === "file" || kind === "directory") && Buffer.from(text).equals(path)) {
      for (const key of listAttributesSync(text).sort()) xattrs[key] = getAttributeSync(text, key).toString("latin1")
    }
    nodes.set(name, {
      kind,
      mode: Number(stat.mode),
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      rdev: Number(stat.rdev),
      mtime: stat.mtimeNs,
      size: kind === "directory" ? 0 : Number(stat.size),
      ...(kind === "file" && options.content !== false && { content: sha256(path) }),
      ...(kind === "symlink" && { target: readlinkSync(path, "latin1") }),
      ...(same !== undefined && { same }),
      xattrs
    })
    if (kind !== "directory") return
    for (const child of readdirSync(path, { encoding: "buffer" })) {
      const text = child.toString("latin1")
      visit(name === "." ? text : join(name, text))
    }
  }
  visit(".")
  return new Map([...nodes].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Whichever of its names was found first: all names of an inode name the least of them. */
export const withGroups = (nodes: Map<string, Node>): Map<string, Node> => {
  const groups = new Map<string, string>()
  for (const [path, { same }] of nodes) {
    if (same === undefined) continue
    const least = groups.get(same)
    if (least === undefined || path < least) groups.set(same, path)
  }
  return new Map(
    [...nodes].map(([path, { same, ...node }]) => {
      const least = same === undefined ? undefined : groups.get(same)
      return [path, least === undefined || least === path ? node : { ...node, same: least }]
    })
  )
}

/** One line for each path where `see` tells two trees apart. */
export const differences = (
  actual: Map<string, Node>,
  expected: Map<string, Node>,
  see: (node: Node, path: string) => unknown
): ReadonlyArray<string> => {
  const lines: Array<string> = []
  for (const path of new Set([...actual.keys(), ...expected.keys()])) {
    const [a, b] = [actual.get(path), expected.get(path)]
    const [left, right] = [a && JSON.stringify(see(a, path)), b && JSON.stringify(see(b, path))]
    if (left !== right) lines.push(`${JSON.stringify(path)}: ${left ?? "missing"} instead of ${right ?? "nothing"}`)
  }
  return lines
}
