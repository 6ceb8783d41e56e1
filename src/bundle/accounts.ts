/**
 * `/etc/passwd` and `/etc/group` of an image (passwd(5), group(5)): hostile files. Names are binary strings, since they are compared
 * byte by byte. A line that is not one of an account is passed over, as the C library does.
 */

export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

export interface Group {
  readonly name: string
  readonly gid: number
  /** Whether it lists this user. */
  readonly has: (name: string) => boolean
}

/** The highest id there is: the next one means "leave unchanged" to chown(2) and setresuid(2). */
export const maximumId = 2 ** 32 - 2

/** `undefined` where the text is not an id: only digits are one. */
export const idOf = (text: string | undefined): number | undefined => {
  if (text === undefined || !/^[0-9]{1,20}$/.test(text)) return undefined
  const id = Number(text)
  return id <= maximumId ? id : undefined
}

/** Each line when it is asked for; a line is as long as the file, where it has no other. */
const linesOf = function* (bytes: Uint8Array): Generator<string> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf(0x0a, start)
    const next = end === -1 ? text.length : end
    yield text.toString("latin1", start, next)
    start = next + 1
  }
}

/** `name:password:uid:gid:…` */
export const accountsOf = function* (bytes: Uint8Array): Generator<Account> {
  for (const line of linesOf(bytes)) {
    const [name = "", , uidText, gidText] = line.split(":", 4)
    const [uid, gid] = [idOf(uidText), idOf(gidText)]
    if (name !== "" && uid !== undefined && gid !== undefined) yield { name, uid, gid }
  }
}

/** `name:password:gid:member,…` */
export const groupsOf = function* (bytes: Uint8Array): Generator<Group> {
  for (const line of linesOf(bytes)) {
    const [name = "", , gidText, members = ""] = line.split(":", 4)
    const gid = idOf(gidText)
    if (name !== "" && gid !== undefined) yield { name, gid, has: (user) => `,${members},`.includes(`,${user},`) }
  }
}
