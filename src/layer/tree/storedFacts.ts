/** What a tree that was extracted says of its entries: in attributes, in the file beside it, and on disk. For the worker. */
import { closeSync, constants, existsSync, lstatSync, openSync, readFileSync, readlinkSync } from "node:fs"
import type { Ownership } from "../../api/config.ts"
import { native } from "../../fs/native.ts"
import { toDisk } from "../Directory.ts"
import type { EntryHeader, EntryType } from "../Entry.ts"
import { isOfArchive } from "../metadata/attributes.ts"
import { overrideStatName, readOverrideStat } from "../metadata/overrideStat.ts"

interface Said {
  readonly line: number
  readonly stat?: string
  readonly device?: readonly [number, number]
  readonly link?: string
  readonly attributes: ReadonlyArray<readonly [string, Uint8Array]>
}

type Named = Readonly<Record<string, unknown>>

const nameOf = (key: string, said: Named): string | undefined => {
  const [text, base64] = [said[key], said[`${key}64`]]
  if (typeof text === "string") return Buffer.from(text).toString("latin1")
  return typeof base64 === "string" ? Buffer.from(base64, "base64").toString("latin1") : undefined
}

/** What stands in `<tree>.stat`. `root`: the tree's path, a binary string. */
export class StatRecords {
  readonly #said = new Map<string, Said>()
  readonly #removed = new Map<string, number>()

  constructor(root: string) {
    const path = toDisk(`${root}.stat`)
    if (!existsSync(path)) return
    for (const [line, text] of readFileSync(path, "utf8").split("\n").entries()) if (text !== "") this.#read(text, line)
  }

  find(path: string): Said | undefined {
    const said = this.#said.get(path)
    if (said === undefined || this.#isVoid(path, said.line)) return undefined
    if (said.link === undefined) return said
    return this.#said.get(said.link)
  }

  #isVoid(path: string, line: number): boolean {
    for (let end = path.length; end !== -1; end = path.lastIndexOf("/", end - 1))
      if ((this.#removed.get(path.slice(0, end)) ?? -1) > line) return true
    return false
  }

  #read(text: string, line: number): void {
    const said = JSON.parse(text) as Named
    const path = nameOf("path", said)
    if (path === undefined) return
    if (said["removed"] === true) {
      this.#removed.set(path, line)
      return
    }
    const { stat, device, attributes } = said
    const link = nameOf("link", said)
    this.#said.set(path, {
      line,
      ...(typeof stat === "string" ? { stat } : {}),
      ...(Array.isArray(device) ? { device: device as unknown as readonly [number, number] } : {}),
      ...(link === undefined ? {} : { link }),
      attributes: Array.isArray(attributes)
        ? attributes.map(
            (it: Named) => [nameOf("name", it) ?? "", Buffer.from(String(it["value64"]), "base64")] as const
          )
        : []
    })
  }
}

const { O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY } = constants

const kindOf = (mode: number): EntryType => {
  switch (mode & constants.S_IFMT) {
    case constants.S_IFDIR:
      return "directory"
    case constants.S_IFLNK:
      return "symlink"
    case constants.S_IFCHR:
      return "character-device"
    case constants.S_IFBLK:
      return "block-device"
    case constants.S_IFIFO:
      return "fifo"
    default:
      return "file"
  }
}

const attributesAt = (path: string): ReadonlyMap<string, Uint8Array> => {
  const found = new Map<string, Uint8Array>()
  if (native.attributeNames === undefined || native.attribute === undefined) return found
  const fd = openSync(toDisk(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  try {
    for (const name of native.attributeNames(fd)) {
      const value = native.attribute(fd, name)
      if (value !== undefined) found.set(name, value)
    }
  } finally {
    closeSync(fd)
  }
  return found
}

/** Linux' `dev_t`. */
const majorOf = (device: bigint) => Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn))
const minorOf = (device: bigint) => Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n))

const second = 1_000_000_000n

export interface StoredEntry {
  /** Its path is empty. */
  readonly header: EntryHeader
  /** The inode of a file that has more than one name on disk. */
  readonly inode: string | undefined
  /** Attributes that layouts set. */
  readonly own: ReadonlyMap<string, Uint8Array>
}

/** `path`: absolute, a binary string; `name`: the same beneath the tree's root. Never follows a link. */
export const storedEntry = (path: string, name: string, ownership: Ownership, records: StatRecords): StoredEntry => {
  const stats = lstatSync(toDisk(path), { bigint: true })
  const mode = Number(stats.mode)
  const onDisk = kindOf(mode)
  const own = onDisk === "file" || onDisk === "directory" ? attributesAt(path) : new Map<string, Uint8Array>()
  const said = records.find(name)
  const told = ownership === "xattr" ? (own.get(overrideStatName) ?? said?.stat) : undefined
  const stat = told === undefined ? undefined : readOverrideStat(Buffer.from(told).toString())
  const type = stat?.type ?? onDisk
  const isReal = ownership === "chown"
  const [major, minor] = said?.device ?? [stat?.devMajor ?? 0, stat?.devMinor ?? 0]
  const xattrs = new Map([...own].filter(([key]) => isOfArchive(key, ownership)))
  for (const [key, value] of said?.attributes ?? []) xattrs.set(key, value)
  const nanos = ((stats.mtimeNs % second) + second) % second
  const isDevice = isReal && (type === "character-device" || type === "block-device")
  return {
    own,
    inode: onDisk !== "directory" && stats.nlink > 1n ? `${stats.dev}:${stats.ino}` : undefined,
    header: {
      path: "",
      linkPath: type === "symlink" ? readlinkSync(toDisk(path), "buffer").toString("latin1") : "",
      type,
      mode: type === "symlink" ? 0o777 : (stat?.mode ?? mode & 0o7777),
      uid: isReal ? Number(stats.uid) : (stat?.uid ?? 0),
      gid: isReal ? Number(stats.gid) : (stat?.gid ?? 0),
      size: type === "file" ? Number(stats.size) : 0,
      mtime: { seconds: Number((stats.mtimeNs - nanos) / second), nanos: Number(nanos) },
      devMajor: isDevice ? majorOf(stats.rdev) : major,
      devMinor: isDevice ? minorOf(stats.rdev) : minor,
      xattrs
    }
  }
}
