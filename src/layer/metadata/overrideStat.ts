/** The stat an entry should have, as an attribute of a file that an ordinary user owns. */
import type { StatFormat } from "../../api/config.ts"
import type { EntryHeader, EntryType } from "../Entry.ts"

export const overrideStatName = "user.containers.override_stat"

export type Stat = Pick<EntryHeader, "type" | "mode" | "uid" | "gid" | "devMajor" | "devMinor">

/** S_IFMT by kind; a hard link has no inode of its own. */
export const typeBits: Readonly<Record<EntryType, number>> = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  "character-device": 0o020000,
  "block-device": 0o060000,
  fifo: 0o010000,
  link: 0
}

const kind = ({ type, devMajor, devMinor }: Stat): string => {
  switch (type) {
    case "directory":
      return "dir"
    case "fifo":
      return "pipe"
    case "character-device":
      return `char-${devMajor}-${devMinor}`
    case "block-device":
      return `block-${devMajor}-${devMinor}`
    case "symlink":
      return "symlink"
    default:
      return "file"
  }
}

export const overrideStat = (stat: Stat, format: StatFormat): string => {
  if (format === "seed") return `${stat.uid}:${stat.gid}:0${(typeBits[stat.type] | stat.mode).toString(8)}`
  return `${stat.uid}:${stat.gid}:${stat.mode.toString(8).padStart(4, "0")}:${kind(stat)}`
}

/** The bytes of it; nearly all entries of a layer share a handful of values. */
export const makeOverrideStat = (format: StatFormat): ((stat: Stat) => Buffer) => {
  const known = new Map<string, Buffer>()
  return (stat) => {
    const text = overrideStat(stat, format)
    const bytes = known.get(text) ?? Buffer.from(text)
    if (known.size < 64) known.set(text, bytes)
    return bytes
  }
}

const types = Object.entries(typeBits).filter(([type]) => type !== "link") as ReadonlyArray<
  readonly [EntryType, number]
>
const kinds: Readonly<Record<string, EntryType>> = {
  dir: "directory",
  pipe: "fifo",
  char: "character-device",
  block: "block-device",
  symlink: "symlink",
  file: "file"
}

/** Either format. `undefined` for every other text. */
export const readOverrideStat = (text: string): Stat | undefined => {
  const [, uid, gid, octal = "", kind, major = "0", minor = "0"] =
    /^(\d+):(\d+):([0-7]+)(?::([a-z]+)(?:-(\d+)-(\d+))?)?$/.exec(text) ?? []
  if (uid === undefined || gid === undefined) return undefined
  const mode = Number.parseInt(octal, 8)
  const type = kind === undefined ? types.find(([, bits]) => bits === (mode & 0o170000))?.[0] : kinds[kind]
  if (type === undefined) return undefined
  return {
    type,
    mode: mode & 0o7777,
    uid: Number(uid),
    gid: Number(gid),
    devMajor: Number(major),
    devMinor: Number(minor)
  }
}
