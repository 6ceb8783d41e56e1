/** Two trees on disk, side by side; names and bodies byte for byte. */
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs"
import { toDisk } from "../../src/layer/Directory.ts"
import { attributes } from "../support/diskTree.ts"

interface Side {
  /** A binary string, as all paths here. */
  readonly root: string
  /** Names by inode, each the first that it was met by. */
  readonly met: Map<bigint, string>
  /** Holds a body. */
  readonly room: Buffer
}

/** More than a file may have. */
const rooms = [Buffer.alloc(2 ** 20 + 1), Buffer.alloc(2 ** 20 + 1)] as const

/** A directory that is only implied, and a whiteout node, have the time of their making. */
const keys = ["mode", "uid", "gid", "rdev", "size", "mtime", "met", "target", "attributes"] as const

const look = ({ root, met }: Side, name: string) => {
  const path = toDisk(root + name)
  const stats = lstatSync(path, { bigint: true })
  const { mode, uid, gid, rdev, size, ino, mtimeNs } = stats
  const [isLink, isDirectory] = [stats.isSymbolicLink(), stats.isDirectory()]
  const timeless = isDirectory || (stats.isCharacterDevice() && rdev === 0n)
  const first = met.get(ino)
  if (first === undefined) met.set(ino, name)
  return {
    mode,
    uid,
    gid,
    rdev,
    size,
    mtime: timeless ? 0n : mtimeNs,
    met: first,
    target: isLink ? readlinkSync(path, "latin1") : "",
    attributes: isLink ? "" : JSON.stringify(attributes(path.toString())),
    isDirectory,
    hasBody: size > 0n && stats.isFile()
  }
}

const bodyOf = ({ root, room }: Side, name: string): Buffer => {
  const fd = openSync(toDisk(root + name), "r")
  try {
    return room.subarray(0, readSync(fd, room, 0, room.length, 0))
  } finally {
    closeSync(fd)
  }
}

const namesIn = ({ root }: Side, name: string) => readdirSync(toDisk(root + name), { encoding: "latin1" }).sort()

const compare = (left: Side, right: Side, name: string): string | undefined => {
  const [one, two] = [look(left, name), look(right, name)]
  const key = keys.find((it) => one[it] !== two[it])
  if (key !== undefined) return `${key} of ${JSON.stringify(name)}: ${one[key]} against ${two[key]}`
  // The rest of a hard link was seen by its first name.
  if (one.met !== undefined) return undefined
  if (one.hasBody && !bodyOf(left, name).equals(bodyOf(right, name))) return `the body of ${JSON.stringify(name)}`
  if (!one.isDirectory) return undefined
  const [ours, theirs] = [namesIn(left, name), namesIn(right, name)]
  if (ours.join("/") !== theirs.join("/")) return `names in ${JSON.stringify(name)}: ${ours} against ${theirs}`
  for (const each of ours) {
    const differs = compare(left, right, `${name}/${each}`)
    if (differs !== undefined) return differs
  }
  return undefined
}

/** What differs first, or `undefined`. */
export const differenceOf = (one: string, two: string): string | undefined =>
  compare({ root: one, met: new Map(), room: rooms[0] }, { root: two, met: new Map(), room: rooms[1] }, "")
