/** The logins in docker's `config.json`, changed in its text: numbers, `null`, order and spaces of all else stay as they are. */

import {
  type Indent,
  type Member,
  type Members,
  membersAt,
  withMember,
  withoutMember,
  withValue
} from "./JsonMembers.ts"
import { normalizeKey } from "./registryKey.ts"

/** `{"auth": …}`, or nothing beside a helper. */
export type Entry = Readonly<Record<string, string>>

/** How the text is laid out: as docker does, unless it stands on one line or is indented in another way. */
const styleOf = (text: string) => {
  const eol = text.includes("\r\n") ? "\r\n" : "\n"
  const unit = /\n([ \t]+)"/.exec(text)?.[1] ?? "\t"
  const isOneLine = !text.trim().includes("\n") && text.trim() !== "{}"
  const indent = (depth: number): Indent =>
    isOneLine
      ? { inner: "", outer: "" }
      : { inner: `${eol}${unit.repeat(depth)}`, outer: `${eol}${unit.repeat(depth - 1)}` }
  const value = (it: unknown, depth: number) =>
    isOneLine ? JSON.stringify(it) : JSON.stringify(it, null, unit).replaceAll("\n", indent(depth).inner)
  const member = (key: string, it: unknown, depth: number) =>
    `${JSON.stringify(key)}:${isOneLine ? "" : " "}${value(it, depth)}`
  return { indent, value, member }
}

interface Auths {
  readonly member: Member
  readonly entries: Members
}

/** Each table of logins: Go reads the name in any case, and more than one of them. */
const tablesIn = (text: string, { members }: Members): ReadonlyArray<Auths> =>
  members.flatMap((member) => {
    const entries = member.key.toLowerCase() === "auths" ? membersAt(text, member.value) : undefined
    return entries === undefined ? [] : [{ member, entries }]
  })

/** The one that counts for who reads the exact name only. */
const chief = (tables: ReadonlyArray<Auths>) => tables.findLast((it) => it.member.key === "auths") ?? tables.at(-1)

const isOf = (registry: string) => (member: Member) => normalizeKey(member.key) === registry

/** All spellings of a registry are taken out, but for `keep` in the table that counts; parts of it (`host/org`) stay. */
export const withoutLogin = (text: string, registry: string, keep?: string): string => {
  const root = membersAt(text, 0)
  const tables = root === undefined ? [] : tablesIn(text, root)
  for (const table of tables) {
    const kept = table === chief(tables) ? keep : undefined
    const found = table.entries.members.filter(isOf(registry)).find(({ key }) => key !== kept)
    if (found !== undefined) return withoutLogin(withoutMember(text, table.entries, found), registry, keep)
  }
  return text
}

/** With this entry as the registry's only one, under this key. */
export const withLogin = (given: string, registry: string, key: string, entry: Entry): string => {
  const text = withoutLogin(given, registry, key)
  const root = membersAt(text, 0)
  if (root === undefined) return text
  const { indent, value, member } = styleOf(text)
  const table = chief(tablesIn(text, root))
  if (table !== undefined) {
    const known = table.entries.members.findLast((it) => it.key === key)
    return known === undefined
      ? withMember(text, table.entries, member(key, entry, 2), indent(2))
      : withValue(text, known, value(entry, 2))
  }
  const empty = root.members.findLast((it) => it.key === "auths")
  return empty === undefined
    ? withMember(text, root, member("auths", { [key]: entry }, 1), indent(1))
    : withValue(text, empty, value({ [key]: entry }, 1))
}

export const hasLogin = (text: string, registry: string): boolean => {
  const root = membersAt(text, 0)
  return root !== undefined && tablesIn(text, root).some(({ entries }) => entries.members.some(isOf(registry)))
}
