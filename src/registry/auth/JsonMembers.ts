/** The members of an object in JSON text, by their places: what is not changed stays as it was written. The text is valid. */

export interface Member {
  readonly key: string
  /** The position of its key's first quote. */
  readonly start: number
  readonly value: number
  /** After its value. */
  readonly end: number
}

export interface Members {
  /** The position of the opening brace. */
  readonly start: number
  readonly members: ReadonlyArray<Member>
  /** The position of the closing brace. */
  readonly end: number
}

const space = /[ \t\r\n]*/y
const string = /"(?:[^"\\]|\\.)*"/y
const other = /[^\s,{}[\]]+/y

const past = (pattern: RegExp, text: string, at: number): number => {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : at
}

/** The place after a value; objects and lists are not gone into by recursion: they may be deep. */
const afterValue = (text: string, from: number): number => {
  let depth = 0
  for (let at = from; at < text.length; ) {
    const it = text[at]
    if (it === '"') at = past(string, text, at)
    else if (it === "{" || it === "[") [depth, at] = [depth + 1, at + 1]
    else if (it === "}" || it === "]") [depth, at] = [depth - 1, at + 1]
    else if (it === "," || it === ":") at++
    else at = past(other, text, at)
    if (depth === 0) return at
    at = past(space, text, at)
  }
  return text.length
}

/** `undefined` where no object stands at the place. */
export const membersAt = (text: string, from: number): Members | undefined => {
  const start = past(space, text, from)
  if (text[start] !== "{") return undefined
  const members: Array<Member> = []
  let at = past(space, text, start + 1)
  while (at < text.length && text[at] !== "}") {
    const key = past(string, text, at)
    const colon = past(space, text, key)
    const value = past(space, text, colon + 1)
    const end = afterValue(text, value)
    members.push({ key: String(JSON.parse(text.slice(at, key))), start: at, value, end })
    at = past(space, text, end)
    if (text[at] === ",") at = past(space, text, at + 1)
  }
  return { start, members, end: at }
}

const spliced = (text: string, from: number, to: number, put: string) => text.slice(0, from) + put + text.slice(to)

/** Without one of them, and without the comma that it brought. */
export const withoutMember = (text: string, { start, members, end }: Members, member: Member): string => {
  const at = members.indexOf(member)
  const [before, after] = [members[at - 1], members[at + 1]]
  if (after !== undefined) return spliced(text, member.start, after.start, "")
  return before === undefined ? spliced(text, start + 1, end, "") : spliced(text, before.end, member.end, "")
}

export const withValue = (text: string, { value, end }: Member, put: string): string => spliced(text, value, end, put)

const spaceBefore = (text: string, at: number): string => {
  let from = at
  while (from > 0 && /\s/.test(text[from - 1] ?? "")) from--
  return text.slice(from, at)
}

/** Line breaks and indentation about the members of an object that has none yet. */
export interface Indent {
  readonly inner: string
  readonly outer: string
}

/** With one more at the end, which begins as the last one does. */
export const withMember = (text: string, { start, members, end }: Members, put: string, indent: Indent): string => {
  const last = members.at(-1)
  return last === undefined
    ? spliced(text, start + 1, end, `${indent.inner}${put}${indent.outer}`)
    : spliced(text, last.end, last.end, `,${spaceBefore(text, last.start)}${put}`)
}
