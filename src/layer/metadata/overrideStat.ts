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
