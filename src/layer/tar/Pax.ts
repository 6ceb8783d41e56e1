/** PAX extended headers (POSIX pax, "pax Extended Header"), read as bytes: a value may be anything but text. */
import { boundedSeconds } from "./HeaderBlock.ts"

export interface Pax {
  /** The last value of each keyword, byte for byte. */
  readonly records: ReadonlyMap<string, Uint8Array>
  /** `GNU.sparse.offset` and `GNU.sparse.numbytes` of format 0.0, which repeat and come in pairs. */
  readonly pairs: ReadonlyArray<string>
}

export const noPax: Pax = { records: new Map(), pairs: [] }

const names = new Set(["path", "linkpath", "uname", "gname", "GNU.sparse.name"])

/** Reads `length keyword=value\n` records to the last byte; throws what `corrupt` makes of anything else. */
export const parsePax = (body: Buffer, corrupt: (problem: string) => Error): Pax => {
  const records = new Map<string, Uint8Array>()
  const pairs: Array<string> = []
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at)
    const digits = space === -1 || space - at > 10 ? "" : body.toString("latin1", at, space)
    const end = at + Number(digits)
    if (!/^\d+$/.test(digits) || end <= space + 1 || end > body.length || body[end - 1] !== 0x0a)
      throw corrupt("a PAX record of a wrong length")
    const equals = body.indexOf(0x3d, space)
    if (equals === -1 || equals >= end || equals === space + 1) throw corrupt("a PAX record without a keyword")
    const keyword = body.toString("latin1", space + 1, equals)
    const value = body.subarray(equals + 1, end - 1)
    if (keyword.includes("\0")) throw corrupt("a PAX keyword with a NUL")
    if (names.has(keyword) && value.includes(0)) throw corrupt(`a PAX ${keyword} with a NUL`)
    if (keyword === "GNU.sparse.offset" || keyword === "GNU.sparse.numbytes") {
      const expected = pairs.length % 2 === 0 ? "GNU.sparse.offset" : "GNU.sparse.numbytes"
      if (keyword !== expected) throw corrupt("a sparse map out of order")
      pairs.push(value.toString("latin1"))
    }
    records.set(keyword, value)
    at = end
  }
  return { records, pairs }
}

/** A decimal keyword; `undefined` where it is absent or empty, which means "as the header says". */
export const paxNumber = (pax: Pax, keyword: string, corrupt: (problem: string) => Error): number | undefined => {
  const text = paxText(pax, keyword)
  if (text === undefined) return undefined
  if (!/^\d{1,32}$/.test(text) || !Number.isSafeInteger(Number(text)))
    throw corrupt(`a PAX ${keyword} that is not a number`)
  return Number(text)
}

/** The value as a binary string; `undefined` where it is absent or empty. */
export const paxText = (pax: Pax, keyword: string): string | undefined => {
  const value = pax.records.get(keyword)
  return value === undefined || value.length === 0
    ? undefined
    : Buffer.from(value.buffer, value.byteOffset, value.length).toString("latin1")
}

/** `[-]seconds[.fraction]`; digits beyond nanoseconds are cut off, and a time beyond all systems' is the nearest that they know. */
export const paxTime = (
  pax: Pax,
  keyword: string,
  corrupt: (problem: string) => Error
): { readonly seconds: number; readonly nanos: number } | undefined => {
  const text = paxText(pax, keyword)
  if (text === undefined) return undefined
  const [, sign, whole, fraction = ""] = /^(-?)(\d+)(?:\.(\d*))?$/.exec(text) ?? []
  if (whole === undefined) throw corrupt(`a PAX ${keyword} that is not a time`)
  const nanos = Number(fraction.slice(0, 9).padEnd(9, "0"))
  if (sign !== "-") return { seconds: boundedSeconds(Number(whole)), nanos }
  if (nanos === 0) return { seconds: boundedSeconds(0 - Number(whole)), nanos }
  return { seconds: boundedSeconds(-Number(whole) - 1), nanos: 1e9 - nanos }
}

const [leastOwner, mostOwner] = [-(2n ** 63n), 2n ** 63n - 1n]

/** The lower 32 bits of a decimal of 64, as Go programs hand it to chown(2); `undefined` as above. */
export const paxOwner = (pax: Pax, keyword: "uid" | "gid", corrupt: (problem: string) => Error): number | undefined => {
  const text = paxText(pax, keyword)
  if (text === undefined) return undefined
  const value = /^-?\d{1,32}$/.test(text) ? BigInt(text) : undefined
  if (value === undefined || value < leastOwner || value > mostOwner)
    throw corrupt(`a PAX ${keyword} that is not a number`)
  return Number(BigInt.asUintN(32, value))
}

const xattrPrefix = "SCHILY.xattr."

export const paxXattrs = (pax: Pax): ReadonlyMap<string, Uint8Array> => {
  const xattrs = new Map<string, Uint8Array>()
  for (const [keyword, value] of pax.records)
    if (keyword.startsWith(xattrPrefix) && keyword.length > xattrPrefix.length)
      xattrs.set(keyword.slice(xattrPrefix.length), value)
  return xattrs
}
