/** What other users of the machine may do with a directory, by the owners and modes of it and of those above it. */
import type { Stats } from "node:fs"
import { lstat, realpath, stat } from "node:fs/promises"
import { dirname } from "node:path"
import { isPrivateGroup } from "./privateGroup.ts"

export interface Judgement {
  /** Another user owns it, or may write to it: why. */
  readonly theirs?: string
  /** A directory above it in whose place another user may put something else. */
  readonly beneath?: string
  /** Other users may enter it. */
  readonly entered: boolean
}

/** What the kernel shows in the place of users that a user namespace does not know. */
const nobody = 65_534

const octal = (mode: number) => (mode & 0o7777).toString(8).padStart(4, "0")

const parents = (path: string): ReadonlyArray<string> =>
  dirname(path) === path ? [] : [dirname(path), ...parents(dirname(path))]

const isTrusted = ({ uid }: Stats, user: number) => uid === user || uid === 0

/** To others, or to a group that has others in it. */
const isOpen = async ({ mode, gid }: Stats, user: number, others: number, group: number) =>
  (mode & others) !== 0 || ((mode & group) !== 0 && !(await isPrivateGroup(gid, user)))

/** Why a directory is another user's, or may be written to by one; `undefined` where neither is so. */
export const whyTheirs = async (stats: Stats, user: number): Promise<string | undefined> => {
  if (!isTrusted(stats, user)) return `belongs to another user (${stats.uid})`
  return (await isOpen(stats, user, 0o002, 0o020))
    ? `may be written to by other users (mode ${octal(stats.mode)})`
    : undefined
}

/** `user`: whose the directory should be, or root's. */
export const judge = async (path: string, user: number): Promise<Judgement> => {
  const named = await lstat(path)
  if (!isTrusted(named, user) && named.isSymbolicLink())
    return { theirs: `is a link of another user (${named.uid})`, entered: false }
  const real = await realpath(path)
  const own = await stat(real)
  const why = await whyTheirs(own, user)
  let entered = await isOpen(own, user, 0o001, 0o010)
  let beneath: string | undefined
  for (const above of parents(real)) {
    const stats = await stat(above)
    entered &&= await isOpen(stats, user, 0o001, 0o010)
    // In a directory with the sticky bit only its owner renames what is in it.
    const isSticky = (stats.mode & 0o1000) !== 0
    const isTheirs =
      (!isTrusted(stats, user) && stats.uid !== nobody) || (!isSticky && (await isOpen(stats, user, 0o002, 0o020)))
    if (isTheirs) beneath ??= above
  }
  return { entered, ...(why === undefined ? {} : { theirs: why }), ...(beneath === undefined ? {} : { beneath }) }
}
