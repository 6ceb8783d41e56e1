/** What each format does with names, links and numbers that its header cannot hold. */
import type { Encoded } from "./EntryOptions.ts"
import { type HeaderFields, headerBlock, padding, type TarFormat, type Text } from "./Header.ts"
import { isWhole, type PaxRecords, paxRecords, paxTime, wholeSeconds, xattrRecord } from "./pax.ts"

interface Fitted {
  readonly before: Uint8Array
  readonly fields: HeaderFields
}

/** The fields that hold what fits, and the headers before it that hold what does not. */
export const fitToFormat = (format: TarFormat, path: Uint8Array, link: Uint8Array, options: Encoded): Fitted => {
  const extras = options.xattrs !== undefined || options.pax !== undefined
  if (extras && format !== "pax") throw new RangeError(`${format} archives have no extended attributes: use pax`)
  switch (format) {
    case "v7":
      if (path.length > 100 || link.length > 100) throw new RangeError("a v7 name has 100 bytes at most")
      return { before: none, fields: { name: path, linkName: link } }
    case "gnu":
      return {
        before: Buffer.concat([longName("K", link), longName("L", path)]),
        fields: { name: path.subarray(0, 100), linkName: link.subarray(0, 100) }
      }
    case "ustar":
    case "star": {
      const split = splitName(path, format === "star" ? 131 : 155)
      if (split === undefined || link.length > 100) throw new RangeError(`the name does not fit a ${format} header`)
      const { atime, ctime } = options
      const times = [
        [476, atime],
        [488, ctime]
      ] as const
      return {
        before: none,
        fields: {
          ...split,
          linkName: link,
          patches: times.flatMap(([offset, time]) =>
            format === "ustar" || time === undefined
              ? []
              : [[offset, `${wholeSeconds(time).toString(8).padStart(11, "0")} `] as const]
          )
        }
      }
    }
    case "pax": {
      const split = splitName(path, 155)
      const seconds = wholeSeconds(options.mtime ?? 0)
      const ascii = isAscii(path) && isAscii(link)
      const records = paxOf(
        options,
        ascii && split !== undefined ? none : path,
        ascii && link.length <= 100 ? none : link
      )
      const body = paxRecords(records)
      const x = headerBlock("ustar", { name: "PaxHeaders/entry", type: "x", size: body.length })
      return {
        before: records.length === 0 ? none : Buffer.concat([x, body, padding(body.length)]),
        fields: {
          ...(split ?? { name: path.subarray(0, 100) }),
          linkName: link.subarray(0, 100),
          ...(options.size !== undefined && options.size >= 8 ** 11 ? { size: 0 } : {}),
          ...(seconds < 0 || seconds >= 8 ** 11 ? { mtime: 0 } : {}),
          ...((options.uid ?? 0) >= 8 ** 7 ? { uid: 0 } : {}),
          ...((options.gid ?? 0) >= 8 ** 7 ? { gid: 0 } : {})
        }
      }
    }
  }
}

const paxOf = (options: Encoded, path: Uint8Array, link: Uint8Array): PaxRecords => {
  const { uid = 0, gid = 0, size = 0, mtime = 0, atime, ctime, xattrs = {}, xattrForm = "SCHILY", pax = [] } = options
  const records: Array<readonly [Text, Text]> = []
  if (path.length > 0) records.push(["path", path])
  if (link.length > 0) records.push(["linkpath", link])
  if (size >= 8 ** 11) records.push(["size", String(size)])
  if (uid >= 8 ** 7) records.push(["uid", String(uid)])
  if (gid >= 8 ** 7) records.push(["gid", String(gid)])
  if (!isWhole(mtime) || wholeSeconds(mtime) < 0 || wholeSeconds(mtime) >= 8 ** 11)
    records.push(["mtime", paxTime(mtime)])
  if (atime !== undefined) records.push(["atime", paxTime(atime)])
  if (ctime !== undefined) records.push(["ctime", paxTime(ctime)])
  for (const [name, value] of Object.entries(xattrs)) records.push(xattrRecord(xattrForm, name, value))
  return [...records, ...pax]
}

/** GNU: an entry of type L (name) or K (link target) before the real one, its body the text and a NUL. */
const longName = (type: "K" | "L", text: Uint8Array): Uint8Array => {
  if (text.length <= 100) return none
  const size = text.length + 1
  const header = headerBlock("gnu", { name: "././@LongLink", type, size })
  return Buffer.concat([header, text, new Uint8Array(1), padding(size)])
}

/** The name and what stands before one of its slashes, so that both fit; `undefined` where no slash will do. */
const splitName = (path: Uint8Array, room: number): { name: Uint8Array; prefix?: Uint8Array } | undefined => {
  if (path.length <= 100) return { name: path }
  for (let slash = Math.max(1, path.length - 101); slash <= room && slash < path.length - 1; slash++)
    if (path[slash] === 0x2f) return { name: path.subarray(slash + 1), prefix: path.subarray(0, slash) }
  return undefined
}

const isAscii = (bytes: Uint8Array): boolean => bytes.every((byte) => byte < 0x80)
const none = new Uint8Array()
