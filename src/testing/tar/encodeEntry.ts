/** An entry's headers: the one block every format has, and before it what the format needs for what does not fit. */
import type { Encoded } from "./EntryOptions.ts"
import { fitToFormat } from "./fitToFormat.ts"
import { bytesOf, headerBlock, type TarFormat, type Text } from "./Header.ts"
import { wholeSeconds } from "./pax.ts"

export type EntryType = "0" | "1" | "2" | "3" | "4" | "5" | "6" | "S"

export const encodeEntry = (format: TarFormat, type: EntryType, name: Text, options: Encoded): Uint8Array => {
  const { mode = 0o644, uid = 0, gid = 0, uname = "", gname = "", mtime = 0, size = 0, target, device } = options
  const path = type === "5" && !endsInSlash(name) ? Buffer.concat([bytesOf(name), Buffer.from("/")]) : bytesOf(name)
  const link = bytesOf(target ?? "")
  const { before, fields } = fitToFormat(format, path, link, options)
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
