/**
 * What each entry of an archive does to a tree: the rules, whatever the tree is kept in. A directory on disk and a tree
 * in memory give them the same parts, and so become the same tree.
 */
import type { Directory } from "../../Directory.ts"
import type { EntryHeader } from "../../Entry.ts"
import type { CurrentEntry } from "./CurrentEntry.ts"
import { checkTarget, cleanName } from "./cleanName.ts"
import type { Links } from "./links.ts"
import type { PathResolver } from "./PathResolver.ts"
import { type ApplyWhiteout, whiteoutOf } from "./whiteouts.ts"

/** Creates what entries describe. What stands at a name gives way: the last entry of a name counts. */
export interface Places {
  /** Called at each entry: the root exists, whether the archive describes it or not. */
  readonly start: () => void
  readonly root: (header: EntryHeader) => void
  /** A directory over a directory keeps its content. */
  readonly directory: (parent: Directory, name: string, header: EntryHeader) => Directory
  readonly file: (parent: Directory, name: string, header: EntryHeader) => void
  /** `target`: a binary string, not empty. */
  readonly symlink: (parent: Directory, name: string, header: EntryHeader, target: string) => void
  /** A device or a FIFO. */
  readonly node: (parent: Directory, name: string, header: EntryHeader) => void
}

export interface Rules {
  readonly entry: CurrentEntry
  readonly within: PathResolver
  readonly applyWhiteout: ApplyWhiteout
  readonly links: Links
  readonly places: Places
}

const maximumId = 2 ** 32 - 2
const isId = (id: number) => Number.isInteger(id) && id >= 0 && id <= maximumId

/** Segments in rising order, apart, and inside the file. */
const isSparseMap = ({ size, sparse }: EntryHeader): boolean => {
  let end = 0
  for (const { offset, length } of sparse ?? []) {
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || length < 0 || offset < end) return false
    end = offset + length
  }
  return end <= size
}

/** Linux' `dev_t`: 12 bits and 20 bits. */
const isDeviceInRange = ({ devMajor, devMinor }: EntryHeader): boolean =>
  Number.isInteger(devMajor) &&
  Number.isInteger(devMinor) &&
  devMajor >= 0 &&
  devMajor < 2 ** 12 &&
  devMinor >= 0 &&
  devMinor < 2 ** 20

/** Creates the entry; a file is only opened, for its body. */
export const makePlaceEntry = ({ entry, within, applyWhiteout, links, places }: Rules) => {
  const { refusal, refuse } = entry

  const check = (header: EntryHeader): void => {
    if (!isId(header.uid) || !isId(header.gid)) throw refuse(`owner ${header.uid}:${header.gid} is out of range`)
    if (header.size > refusal.limits.fileBytes) throw entry.exceeds("fileBytes", "bytes", "file")
  }

  const file = (parent: Directory, name: string, header: EntryHeader): void => {
    if (!isSparseMap(header)) throw refuse("its sparse map is invalid")
    places.file(parent, name, header)
  }

  return (header: EntryHeader): void => {
    entry.begin(header.path)
    within.begin()
    places.start()
    check(header)
    const names = cleanName(header.path, refusal)
    const name = names[names.length - 1]
    if (name === undefined) {
      if (header.type !== "directory") throw refuse("only a directory can be the root")
      places.root(header)
      return
    }
    if (applyWhiteout(names, name)) return
    const parent = within.parent(names)
    switch (header.type) {
      case "file":
        file(parent, name, header)
        return
      case "directory":
        within.descend(names, places.directory(parent, name, header))
        return
      case "symlink":
        places.symlink(parent, name, header, checkTarget(header.linkPath, header.path, refusal))
        within.forget()
        return
      case "link":
        // AUFS made its whiteouts hard links to a file that archives leave out.
        if (whiteoutOf(name) !== undefined) file(parent, name, { ...header, type: "file", size: 0 })
        else links.link(parent, name, header)
        return
      case "character-device":
      case "block-device":
      case "fifo":
        if (header.type !== "fifo" && !isDeviceInRange(header))
          throw refuse(`device ${header.devMajor}:${header.devMinor} is out of range`)
        places.node(parent, name, header)
        return
      default:
        throw refuse(`its kind ${JSON.stringify(header.type)} is not supported`)
    }
  }
}
