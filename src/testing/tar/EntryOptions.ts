import type { HeaderFields, Text } from "./Header.ts"
import type { PaxRecords, Time, XattrForm } from "./pax.ts"

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
