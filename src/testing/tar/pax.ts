/** PAX extended headers (POSIX.1-2001, pax "pax Header Block"). */
import { bytesOf, type Text } from "./Header.ts"

/** Pairs, in order; a key may be there twice. */
export type PaxRecords = ReadonlyArray<readonly [key: Text, value: Text]>

/** `<length> <key>=<value>\n`, where the length counts itself. */
export const paxRecord = (key: Text, value: Text): Uint8Array => {
  const rest = Buffer.concat([Buffer.from(" "), bytesOf(key), Buffer.from("="), bytesOf(value), Buffer.from("\n")])
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = rest.length + String(length).length
  return Buffer.concat([Buffer.from(String(length)), rest])
}

export const paxRecords = (records: PaxRecords): Uint8Array =>
  Buffer.concat(records.map(([key, value]) => paxRecord(key, value)))

/** Seconds since the epoch: a number, or nanoseconds as a bigint, which a number of seconds cannot hold. */
export type Time = number | bigint

export const wholeSeconds = (time: Time): number =>
  typeof time === "number" ? Math.floor(time) : Number((time - (((time % giga) + giga) % giga)) / giga)

export const isWhole = (time: Time): boolean => (typeof time === "number" ? Number.isInteger(time) : time % giga === 0n)

/** Decimal seconds, with as many digits as there are. */
export const paxTime = (time: Time): string => {
  if (typeof time === "number") return String(time)
  const sign = time < 0n ? "-" : ""
  const size = time < 0n ? -time : time
  const fraction = (size % giga).toString().padStart(9, "0").replace(/0+$/, "")
  return `${sign}${size / giga}${fraction === "" ? "" : `.${fraction}`}`
}

const giga = 1_000_000_000n

export type XattrForm = "SCHILY" | "LIBARCHIVE"

/** SCHILY keeps the raw bytes; LIBARCHIVE has the name percent-encoded and the value in base64. */
export const xattrRecord = (form: XattrForm, name: string, value: Text): readonly [string, Text] =>
  form === "SCHILY"
    ? [`SCHILY.xattr.${name}`, value]
    : [
        `LIBARCHIVE.xattr.${encodeURIComponent(name)}`,
        Buffer.from(bytesOf(value)).toString("base64").replace(/=+$/, "")
      ]
