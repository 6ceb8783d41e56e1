/** An entry's headers: the one block every format has, and before it what the format needs for what does not fit. */
import { fitted } from "./fitted.ts"
import { bytesOf, type HeaderFields, headerBlock, type TarFormat, type Text } from "./Header.ts"
import { type PaxRecords, type Time, wholeSeconds, type XattrForm } from "./pax.ts"

export type EntryType = "0" | "1" | "2" | "3" | "4" | "5" | "6" | "S"

export interface EntryOptions {
  /** Default 0o644; directories 0o755, symlinks 0o777. */
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly uname?: string
  readonly gname?: string
  /** Default 0. Fractions in `pax` only. */
  readonly mtime?: Time
  /** In `pax` and `star` only. */
  readonly atime?: Time
  /** In `pax` and `star` only. */
  readonly ctime?: Time
  /** In `pax` only. */
  readonly xattrs?: Readonly<Record<string, Text>>
  /** Default SCHILY. */
  readonly xattrForm?: XattrForm
  /** Further records, as they are: they may contradict the header. In `pax` only. */
  readonly pax?: PaxRecords
  /** Laid over the fields of the header block last, to lie in it. */
  readonly header?: HeaderFields
}

export interface Encoded extends EntryOptions {
  readonly size?: number
  readonly target?: Text
  readonly device?: readonly [major: number, minor: number]
}

export const encodeEntry = (format: TarFormat, type: EntryType, name: Text, options: Encoded): Uint8Array => {
  const { mode = 0o644, uid = 0, gid = 0, uname = "", gname = "", mtime = 0, size = 0, target, device } = options
  const path = type === "5" && !endsInSlash(name) ? Buffer.concat([bytesOf(name), Buffer.from("/")]) : bytesOf(name)
  const link = bytesOf(target ?? "")
  const { before, fields } = fitted(format, path, link, options)
  const header = headerBlock(format, {
    mode,
    uid,
    gid,
    size,
    mtime: wholeSeconds(mtime),
    type: format === "v7" && type === "0" ? "\0" : type,
    uname,
    gname,
    ...(device === undefined ? {} : { devMajor: device[0], devMinor: device[1] }),
    ...fields,
    ...options.header,
    patches: [...(fields.patches ?? []), ...(options.header?.patches ?? [])]
  })
  return Buffer.concat([before, header])
}

const endsInSlash = (name: Text): boolean => bytesOf(name).at(-1) === 0x2f
