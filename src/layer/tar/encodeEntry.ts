/** What an entry is → its header block and, where that cannot say all, the PAX records before it. */
import { isUtf8 } from "node:buffer"
import { InvalidOption, printable } from "../../api/errors.ts"
import { encodeHeader } from "../../seams/tar/encodeHeader.ts"
import { decodeName } from "../decodeName.ts"
import type { EntryHeader } from "../Entry.ts"
import { blockBytes } from "./HeaderBlock.ts"
import { paxRecords } from "./paxRecords.ts"

/** The largest number in the fields of owners and devices, as tar-stream writes them. */
const mostOctal = 0o777777
const mostSeconds = 2 ** 31 - 1
const nameBytes = 100

export const zeros: Uint8Array = new Uint8Array(65_536)

export const paddingOf = (size: number): Uint8Array =>
  zeros.subarray(0, (blockBytes - (size % blockBytes)) % blockBytes)

/** The error about an entry that an archive cannot hold. */
export const unfit = ({ path }: EntryHeader, option: string, problem: string): InvalidOption =>
  new InvalidOption({ option, problem: `of ${JSON.stringify(printable(decodeName(path), 120))} ${problem}` })

const check = (header: EntryHeader): void => {
  for (const name of ["path", "linkPath"] as const)
    if (header[name].includes("\0")) throw unfit(header, name, "has a NUL")
  for (const name of ["mode", "uid", "gid", "size"] as const)
    if (!Number.isSafeInteger(header[name]) || header[name] < 0) throw unfit(header, name, "is not a whole number")
  if (header.type !== "file" && header.size > 0) throw unfit(header, "size", "is not 0, and it is not a file")
  for (const name of header.xattrs.keys())
    if (name === "" || /[=\0]/.test(name)) throw unfit(header, "xattrs", "have a name that PAX cannot write")
}

const binary = (text: string): Buffer => Buffer.from(text, "latin1")

const fits = (name: string): boolean => name.length <= nameBytes && !/[\u0080-\u00ff]/.test(name)

/** For readers that know no PAX: the beginning of the name, in ASCII. */
const standIn = (name: string): string => name.slice(0, nameBytes).replace(/[\u0080-\u00ff]/g, "_")

/** `[-]seconds[.fraction]` */
const decimal = ({ seconds, nanos }: EntryHeader["mtime"]): string => {
  const isNegative = seconds < 0
  const [whole, rest] = isNegative && nanos > 0 ? [-seconds - 1, 1e9 - nanos] : [Math.abs(seconds), nanos]
  const fraction = String(rest).padStart(9, "0").replace(/0+$/, "")
  return `${isNegative ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`
}

/** What the block cannot say, by keyword. */
const recordsOf = ({ path, linkPath, uid, gid, size, mtime, xattrs }: EntryHeader): ReadonlyMap<string, Uint8Array> => {
  const records = new Map<string, Uint8Array>()
  const names = Object.entries({ path, linkpath: linkPath }).filter(([, name]) => !fits(name))
  for (const [keyword, name] of names) records.set(keyword, binary(name))
  // POSIX: without it, names in records are UTF-8.
  if (names.some(([, name]) => !isUtf8(binary(name)))) records.set("hdrcharset", binary("BINARY"))
  for (const [keyword, owner] of Object.entries({ uid, gid }))
    if (owner > mostOctal) records.set(keyword, binary(String(owner)))
  if (size >= 8 ** 11) records.set("size", binary(String(size)))
  if (mtime.nanos > 0 || mtime.seconds < 0 || mtime.seconds > mostSeconds) records.set("mtime", binary(decimal(mtime)))
  for (const [name, value] of xattrs) records.set(`SCHILY.xattr.${name}`, value)
  return records
}

/** PAX has no record for devices that all read: seven octal digits, which Linux's numbers fit, else GNU's base 256. */
const writeDevice = (block: Buffer, at: number, value: number): void => {
  if (value >= 0 && value < 8 ** 7) block.write(`${value.toString(8).padStart(7, "0")}\0`, at)
  else block.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)) | (1n << 63n), at)
}

const withDevice = (block: Buffer, { devMajor, devMinor }: EntryHeader): Buffer => {
  writeDevice(block, 329, devMajor)
  writeDevice(block, 337, devMinor)
  block.fill(" ", 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, "0")}\0`, 148)
  return block
}

const epoch = new Date(0)

/** Records, in a header and a body of their own. */
const extension = (records: Buffer): ReadonlyArray<Uint8Array> => [
  encodeHeader({
    name: "PaxHeader",
    linkname: "",
    type: "pax-header",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: records.length,
    mtime: epoch,
    devmajor: 0,
    devminor: 0
  }),
  records,
  paddingOf(records.length)
]

/** All that stands before the entry's body. Throws `InvalidOption` for what no archive can hold. */
export const encodeEntry = (header: EntryHeader): Buffer => {
  check(header)
  const { path, linkPath, type, mode, uid, gid, size, mtime, devMajor, devMinor } = header
  const records = recordsOf(header)
  const isDevice = type === "character-device" || type === "block-device"
  const block = encodeHeader({
    name: fits(path) ? path : standIn(path),
    linkname: fits(linkPath) ? linkPath : standIn(linkPath),
    type,
    mode,
    uid: Math.min(uid, mostOctal),
    gid: Math.min(gid, mostOctal),
    size,
    mtime: new Date(Math.min(Math.max(mtime.seconds, 0), mostSeconds) * 1000),
    devmajor: 0,
    devminor: 0
  })
  const own = isDevice && (devMajor !== 0 || devMinor !== 0) ? withDevice(block, header) : block
  return records.size === 0 ? own : Buffer.concat([...extension(paxRecords(records)), own])
}
