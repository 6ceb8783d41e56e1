/** Owner, mode, attributes and times of what was written: on the descriptor, or without following the last link. */
import { closeSync, constants, fchmodSync, fchownSync, fstatSync, lchownSync, openSync } from "node:fs"
import type { Ownership } from "../../api/config.ts"
import { toDisk } from "../Directory.ts"
import type { EntryHeader } from "../Entry.ts"
import type { Attributes } from "./attributes.ts"
import { hostMode } from "./ownership.ts"
import type { StatFile } from "./StatFile.ts"
import { setLinkTimes, setTimes } from "./times.ts"

const { O_DIRECTORY = 0, O_NOFOLLOW = 0, O_RDONLY } = constants

export interface MetadataOptions {
  readonly ownership: Ownership
  readonly attributes: Attributes
  readonly statFile: StatFile
  /** Bytes of the root's path and the slash after it: what a path in the stat file goes without. */
  readonly prefix: number
}

export interface Metadata {
  /** All of an open file's; it was created with its `hostMode`. `path` is absolute, a binary string. */
  readonly file: (fd: number, path: string, header: EntryHeader) => void
  /** All of a directory's but its times. `created`: by us, with its `hostMode`. */
  readonly directory: (path: string, header: EntryHeader, created: boolean) => void
  readonly symlink: (path: string, header: EntryHeader) => void
}

export const makeMetadata = ({ ownership, attributes, statFile, prefix }: MetadataOptions): Metadata => {
  /** Modes that the umask, or a directory's own rules, cut on creation: learned once for each, and then known. */
  const cut = new Map<number, boolean>()

  const mode = (fd: number, header: EntryHeader, created: boolean) => {
    const wanted = hostMode(header, ownership)
    const key = header.type === "directory" ? wanted | constants.S_IFDIR : wanted
    let differs = created && ownership !== "chown" ? cut.get(key) : true
    if (differs === undefined) {
      differs = (fstatSync(fd).mode & 0o7777) !== wanted
      cut.set(key, differs)
    }
    if (differs) fchmodSync(fd, wanted)
  }

  const open = (fd: number, path: string, header: EntryHeader, created: boolean) => {
    // Changing the owner clears setuid, setgid and capabilities, so it comes first.
    if (ownership === "chown") fchownSync(fd, header.uid, header.gid)
    mode(fd, header, created)
    const { stat, rest } = attributes.set(fd, toDisk(path), header)
    const device = header.type === "character-device" || header.type === "block-device"
    if (ownership === "none") return
    if (!stat || rest.length > 0 || (device && ownership === "xattr")) statFile.entry(path.slice(prefix), header, rest)
  }

  return {
    file: (fd, path, header) => {
      open(fd, path, header, true)
      setTimes(fd, header.mtime)
    },
    directory: (path, header, created) => {
      // Windows opens no directories, and has none of this to set.
      if (process.platform === "win32") {
        if (ownership !== "none") statFile.entry(path.slice(prefix), header)
        return
      }
      const fd = openSync(toDisk(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      try {
        if (!created) attributes.clear(fd, header)
        open(fd, path, header, created)
      } finally {
        closeSync(fd)
      }
    },
    symlink: (path, header) => {
      const disk = toDisk(path)
      if (ownership === "chown") lchownSync(disk, header.uid, header.gid)
      if (header.xattrs.size > 0) attributes.setLink(disk, header)
      // Linux has no user.* attributes on links, so an owner that is not root goes beside the layer.
      if (ownership === "xattr" && (header.uid !== 0 || header.gid !== 0)) statFile.entry(path.slice(prefix), header)
      setLinkTimes(disk, header.mtime)
    }
  }
}
