/** A header block and the extended headers before it → what the entry is. */
import type { EntryHeader, EntryType } from "../Entry.ts"
import { atMost, componentsOf } from "../limits.ts"
import type { ExtendedHeaders, HeaderContext } from "./ExtendedHeaders.ts"
import { dialectOf, fieldAt, nameAt, numberAt, ownerAt, textAt, timeAt } from "./HeaderBlock.ts"
import { noPax, paxNumber, paxOwner, paxText, paxTime, paxXattrs } from "./Pax.ts"
import { type PaxSparse, paxSparse } from "./sparse.ts"

export interface EntryDescription {
  readonly header: EntryHeader
  /** Bytes of the body that the archive stores: for a sparse file fewer than `header.size`. */
  readonly stored: number
  /** A body that is not the entry's content and is passed over. */
  readonly skipped: number
  /** Where a sparse file's map is. */
  readonly sparse?: PaxSparse | "old GNU"
}

const types: Readonly<Record<string, EntryType>> = {
  "\0": "file",
  "0": "file",
  "1": "link",
  "2": "symlink",
  "3": "character-device",
  "4": "block-device",
  "5": "directory",
  "6": "fifo",
  "7": "file",
  D: "directory",
  S: "file"
}

/** Types that POSIX does not know are regular files, as POSIX asks. */
export const isKnown = (typeflag: string): boolean => Object.hasOwn(types, typeflag)

/** Two extended headers that contradict each other are read differently by GNU tar and by Go. */
const agreed = (long: string | undefined, pax: string | undefined, what: string, corrupt: HeaderContext["corrupt"]) => {
  if (long && pax && long !== pax) throw corrupt(`an entry with two ${what}s`)
  return long || pax
}

export const describeEntry = (block: Buffer, extensions: ExtendedHeaders, context: HeaderContext): EntryDescription => {
  const { corrupt, limits } = context
  const pax = extensions.pax ?? noPax
  const dialect = dialectOf(block)
  const typeflag = String.fromCharCode(block[156] ?? 0)
  let type = types[typeflag] ?? "file"
  // star has its map elsewhere, and the other dialects have none.
  if (typeflag === "S" && dialect !== "gnu") throw corrupt("a sparse map of GNU's in another dialect")

  const sparse = type !== "file" ? undefined : typeflag === "S" ? "old GNU" : paxSparse(pax, corrupt)
  const path =
    (sparse === undefined ? undefined : paxText(pax, "GNU.sparse.name")) ??
    agreed(extensions.longName, paxText(pax, "path"), "name", corrupt) ??
    nameAt(block, dialect)
  const said = paxNumber(pax, "size", corrupt) ?? fieldAt(block, "size", corrupt)
  if (said < 0) throw corrupt("an entry of negative size")
  // Old archives tell directories by the slash alone.
  if (type === "file" && path.endsWith("/")) {
    if (said > 0 || sparse !== undefined) throw corrupt("a directory with a body")
    type = "directory"
  }
  const linkPath =
    type === "link" || type === "symlink"
      ? (agreed(extensions.longLink, paxText(pax, "linkpath"), "link target", corrupt) ?? textAt(block, 157, 100))
      : ""
  const size =
    type !== "file" ? 0 : sparse === undefined ? said : sparse === "old GNU" ? numberAt(block, 483, 12) : sparse.size
  if (!(size >= 0)) throw corrupt("a sparse file whose size is not a number")

  const subject = () => `layer ${context.digest}, entry ${JSON.stringify(path.slice(0, 200))}`
  atMost(limits, "pathBytes", path.length, subject)
  atMost(limits, "linkBytes", linkPath.length, subject)
  atMost(limits, "fileBytes", size, subject)
  if (path.length > limits.depth) atMost(limits, "depth", componentsOf(path), subject)

  const device = dialect !== "v7" && (type === "character-device" || type === "block-device")
  const header: EntryHeader = {
    path,
    linkPath,
    type,
    mode: fieldAt(block, "mode", corrupt) & 0o7777,
    uid: paxOwner(pax, "uid", corrupt) ?? ownerAt(block, "uid", corrupt),
    gid: paxOwner(pax, "gid", corrupt) ?? ownerAt(block, "gid", corrupt),
    size,
    mtime: paxTime(pax, "mtime", corrupt) ?? { seconds: timeAt(block, corrupt), nanos: 0 },
    devMajor: device ? fieldAt(block, "devMajor", corrupt) : 0,
    devMinor: device ? fieldAt(block, "devMinor", corrupt) : 0,
    xattrs: paxXattrs(pax)
  }
  // Types that are all header have no body, whatever their size says; only GNU's directory listing has one.
  const skipped = typeflag === "D" ? said : 0
  return { header, stored: type === "file" ? said : 0, skipped, ...(sparse === undefined ? {} : { sparse }) }
}
