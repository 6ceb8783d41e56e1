/** The entries of an honest archive in ustar or PAX, and where their bodies are. */

export interface ArchivedEntry {
  readonly typeflag: string
  readonly name: string
  readonly linkName: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** The time as the archive has it: `seconds[.fraction]`. */
  readonly mtime: string
  readonly device: readonly [major: number, minor: number]
  readonly xattrs: Readonly<Record<string, Buffer>>
  /** Where the body is in the archive. */
  readonly start: number
  readonly end: number
}

const block = 512

const textOf = (header: Buffer, at: number, length: number): string => {
  const field = header.subarray(at, at + length)
  const end = field.indexOf(0)
  return field.toString("utf8", 0, end === -1 ? length : end)
}
const numberOf = (header: Buffer, at: number, length: number): number =>
  Number.parseInt(textOf(header, at, length).trim() || "0", 8)

/** `length keyword=value\n`, one after another. */
const recordsOf = (body: Buffer): ReadonlyMap<string, Buffer> => {
  const records = new Map<string, Buffer>()
  for (let at = 0; at < body.length; ) {
    const length = Number(body.toString("latin1", at, body.indexOf(" ", at)))
    const record = body.subarray(body.indexOf(" ", at) + 1, at + length - 1)
    const equals = record.indexOf("=")
    records.set(record.toString("utf8", 0, equals), record.subarray(equals + 1))
    at += length
  }
  return records
}

/** `end`: where the end of the archive begins. */
export const archiveEntries = (archive: Buffer) => {
  const entries: Array<ArchivedEntry> = []
  let records: ReadonlyMap<string, Buffer> = new Map()
  let at = 0
  for (; at + block <= archive.length && archive[at] !== 0; ) {
    const header = archive.subarray(at, at + block)
    const typeflag = header.toString("latin1", 156, 157)
    const size = Number(records.get("size") ?? numberOf(header, 124, 12))
    const start = at + block
    at = start + Math.ceil(size / block) * block
    if (typeflag === "x") {
      records = recordsOf(archive.subarray(start, start + size))
      continue
    }
    if (!"01234567".includes(typeflag)) throw new Error(`a table cannot be made of an entry of type ${typeflag}`)
    const prefix = textOf(header, 345, 155)
    const attribute = /^SCHILY\.xattr\.(.*)$/s
    entries.push({
      typeflag,
      name: records.get("path")?.toString() ?? (prefix === "" ? "" : `${prefix}/`) + textOf(header, 0, 100),
      linkName: records.get("linkpath")?.toString() ?? textOf(header, 157, 100),
      mode: numberOf(header, 100, 8),
      uid: Number(records.get("uid") ?? numberOf(header, 108, 8)),
      gid: Number(records.get("gid") ?? numberOf(header, 116, 8)),
      mtime: records.get("mtime")?.toString() ?? String(numberOf(header, 136, 12)),
      device: [numberOf(header, 329, 8), numberOf(header, 337, 8)],
      xattrs: Object.fromEntries(
        [...records].flatMap(([keyword, value]) => {
          const [, name] = attribute.exec(keyword) ?? []
          return name === undefined ? [] : [[name, value]]
        })
      ),
      start,
      end: start + size
    })
    records = new Map()
  }
  return { entries, end: at }
}
