import type { Ownership } from "../../api/config.ts"
import type { EntryHeader } from "../Entry.ts"

/**
 * The mode on the host. Unless owners are real, the caller must be able to read and replace what it wrote, so its own
 * bits stay set, and setuid and setgid would speak for the wrong owner. The sticky bit of a directory keeps others from
 * each other's files.
 */
export const hostMode = ({ type, mode }: Pick<EntryHeader, "type" | "mode">, ownership: Ownership): number => {
  if (ownership === "chown") return mode & 0o7777
  return type === "directory" ? (mode & 0o1777) | 0o700 : (mode & 0o777) | 0o600
}

/** What a directory is that no entry describes: the layer's root, and parents that the archive leaves out. */
export const implied: EntryHeader = {
  path: "",
  linkPath: "",
  type: "directory",
  mode: 0o755,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: { seconds: 0, nanos: 0 },
  devMajor: 0,
  devMinor: 0,
  xattrs: new Map()
}

/** Whether an entry says no more of a directory than what is known of one without an entry. */
export const isImplied = ({ mode, uid, gid, mtime, xattrs }: Omit<EntryHeader, "path">): boolean =>
  mode === 0o755 && uid === 0 && gid === 0 && mtime.seconds === 0 && mtime.nanos === 0 && xattrs.size === 0
