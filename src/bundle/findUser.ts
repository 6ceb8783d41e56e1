/**
 * Who a process is, by an image's `User` (image-spec, config.md and conversion.md): `user`, `uid`, `user:group`, `uid:gid`, in any
 * mixture. Names are looked up in the image's own files, and never on the host.
 */
import { UnknownUser } from "../api/errors.ts"
import { type Account, accountsOf, groupsOf, idOf, maximumId } from "./accounts.ts"
import type { ProcessUser } from "./RuntimeSpec.ts"

/** The bytes of the image's `/etc/passwd` and `/etc/group`; nothing where there is no such file. */
export interface AccountFiles {
  readonly passwd: Uint8Array
  readonly group: Uint8Array
}

/** Linux' NGROUPS_MAX. */
const mostGroups = 65_536

const isNumeric = (text: string) => /^[0-9]+$/.test(text)

/** Which of the files decide: a user that is all digits, with a group that is, needs neither. */
export const filesNeeded = (user: string): ReadonlyArray<keyof AccountFiles> => {
  const [name = "", group = ""] = user.split(":")
  if (name === "" && group === "") return []
  const passwd = name !== "" && (!isNumeric(name) || group === "")
  return [
    ...(passwd ? (["passwd"] as const) : []),
    ...(isNumeric(group) || (isNumeric(name) && group === "") ? [] : (["group"] as const))
  ]
}

/** Throws `UnknownUser`. Without a user, it is root. */
export const findUser = (user: string, { passwd, group }: AccountFiles): ProcessUser => {
  const fail = (problem: string): never => {
    throw new UnknownUser({ user, problem })
  }
  const [nameText = "", groupText = "", ...more] = user.split(":").map((it) => Buffer.from(it).toString("latin1"))
  if (more.length > 0) fail("it has more than one colon")
  const numeric = (text: string): number => idOf(text) ?? fail(`an id is at most ${maximumId}`)
  const find = (isIt: (account: Account) => boolean): Account | undefined => {
    for (const account of accountsOf(passwd)) if (isIt(account)) return account
    return undefined
  }

  const uid = nameText === "" ? 0 : isNumeric(nameText) ? numeric(nameText) : undefined
  const account =
    uid === undefined
      ? (find(({ name }) => name === nameText) ?? fail("its /etc/passwd has no such user"))
      : groupText === "" && nameText !== ""
        ? find((it) => it.uid === uid)
        : undefined
  const who = uid ?? account?.uid ?? 0

  if (groupText !== "") {
    if (isNumeric(groupText)) return { uid: who, gid: numeric(groupText) }
    for (const { name, gid } of groupsOf(group)) if (name === groupText) return { uid: who, gid }
    return fail("its /etc/group has no such group")
  }
  const gid = account?.gid ?? 0
  // Of a number, conversion.md wants no other groups.
  if (uid !== undefined) return { uid, gid }
  const additional = new Set<number>()
  for (const { gid, has } of groupsOf(group)) if (has(nameText)) additional.add(gid)
  if (additional.size > mostGroups) fail(`it is in more than ${mostGroups} groups`)
  return { uid: who, gid, ...(additional.size === 0 ? {} : { additionalGids: [...additional] }) }
}
