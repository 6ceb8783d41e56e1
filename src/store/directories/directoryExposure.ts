/**
 * What other users of the machine can do with a directory, judged by its owner and mode and those of the directories
 * above it.
 */
import type { Stats } from "node:fs"
import { lstat, realpath, stat } from "node:fs/promises"
import { dirname } from "node:path"
import { isPrivateGroup } from "./privateGroup.ts"

export interface DirectoryExposure {
  /** Set if another user owns it, or can write to it: says why. */
  readonly theirs?: string
  /** A directory above it that lets other users replace what is beneath. */
  readonly beneath?: string
  /** Other users may enter it. */
  readonly entered: boolean
}

/** The ID that the kernel shows for users that a user namespace does not know. */
const nobody = 65_534

const octal = (mode: number) => (mode & 0o7777).toString(8).padStart(4, "0")

const parents = (path: string): ReadonlyArray<string> =>
  dirname(path) === path ? [] : [dirname(path), ...parents(dirname(path))]

const isTrusted = ({ uid }: Stats, user: number) => uid === user || uid === 0

/** Open to others, or to a group with other members. */
const isOpen = async ({ mode, gid }: Stats, user: number, others: number, group: number) =>
  (mode & others) !== 0 || ((mode & group) !== 0 && !(await isPrivateGroup(gid, user)))

/** Why a directory belongs to another user, or can be written to by one; `undefined` if neither. */
export const ownershipProblem = async (stats: Stats, user: number): Promise<string | undefined> => {
  if (!isTrusted(stats, user)) return `belongs to another user (${stats.uid})`
  return (await isOpen(stats, user, 0o002, 0o020))
    ? `may be written to by other users (mode ${octal(stats.mode)})`
    : undefined
}

/** `user`: the only owner that is expected, besides root. */
export const directoryExposure = async (path: string, user: number): Promise<DirectoryExposure> => {
  const named = await lstat(path)
  if (!isTrusted(named, user) && named.isSymbolicLink())
    return { theirs: `is a link of another user (${named.uid})`, entered: false }
  const real = await realpath(path)
  const own = await stat(real)
  const why = await ownershipProblem(own, user)
  let entered = await isOpen(own, user, 0o001, 0o010)
  let beneath: string | undefined
  for (const above of parents(real)) {
    const stats = await stat(above)
    entered &&= await isOpen(stats, user, 0o001, 0o010)
    // With the sticky bit, only owners can rename what is in a directory.
    const isSticky = (stats.mode & 0o1000) !== 0
    const isTheirs =
      (!isTrusted(stats, user) && stats.uid !== nobody) || (!isSticky && (await isOpen(stats, user, 0o002, 0o020)))
    if (isTheirs) beneath ??= above
  }
  return { entered, ...(why === undefined ? {} : { theirs: why }), ...(beneath === undefined ? {} : { beneath }) }
}
