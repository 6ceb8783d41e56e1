/**
 * Finds the entries of a table, without reading them: a table is as large as a registry likes, and what `JSON.parse` makes of
 * all of it can take twenty times its bytes.
 */

/** `problem`: of a table that cannot be used. */
export type Corrupt = (problem: string) => Error

/** The entries are the bytes from `starts[i]` to `ends[i]`, each an object. */
export interface TableEntries {
  readonly starts: ReadonlyArray<number>
  readonly ends: ReadonlyArray<number>
}

/** Bytes of an entry: its attributes and names fit, since a layer's headers are bounded too. */
const mostOfEntry = 2 ** 21

/** Bytes of a table beside its entries. */
const mostBeside = 4096

const [quote, backslash, comma] = [0x22, 0x5c, 0x2c]
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d]
const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

const parse = (json: string, corrupt: Corrupt): unknown => {
  try {
    return JSON.parse(json)
  } catch {
    throw corrupt("its table of contents is not valid JSON")
  }
}

/** A member of an object, whatever it is. */
export const memberOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined

/** The end of the string that begins at `start`, its quotation mark not included. */
const endOfString = (json: Buffer, start: number, corrupt: Corrupt): number => {
  for (let at = start + 1; at < json.length; at++) {
    const byte = json[at]
    if (byte === backslash) at += 1
    else if (byte === quote) return at
  }
  throw corrupt("its table of contents is cut off")
}

/** Only version 1 is known. */
export const tableEntries = (json: Buffer, most: number, corrupt: Corrupt): TableEntries => {
  const [starts, ends]: [Array<number>, Array<number>] = [[], []]
  let [depth, listStart, listEnd, key] = [0, -1, -1, ""]
  for (let at = 0; at < json.length; at++) {
    const byte = json[at] ?? 0
    const isInList = listStart !== -1 && listEnd === -1
    if (byte === quote) {
      const end = endOfString(json, at, corrupt)
      if (depth === 1 && end - at < 64) key = json.toString("latin1", at + 1, end)
      if (isInList && depth === 2) throw corrupt("its table of contents has an entry that is not an object")
      at = end
    } else if (byte === openBrace || byte === openBracket) {
      if (depth === 1 && byte === openBracket && key === "entries") {
        if (listStart !== -1) throw corrupt("its table of contents has two lists of entries")
        listStart = at
      } else if (isInList && depth === 2) {
        if (byte !== openBrace) throw corrupt("its table of contents has an entry that is not an object")
        if (starts.length >= most) throw corrupt(`its table of contents has more than ${most} entries`)
        starts.push(at)
      }
      depth += 1
    } else if (byte === closeBrace || byte === closeBracket) {
      depth -= 1
      if (isInList && depth === 2) {
        if (at + 1 - (starts.at(-1) ?? 0) > mostOfEntry)
          throw corrupt("its table of contents has an entry that is too large")
        ends.push(at + 1)
      }
      if (isInList && depth === 1) listEnd = at
    } else if (isInList && depth === 2 && byte !== comma && !isSpace(byte))
      throw corrupt("its table of contents has an entry that is not an object")
  }
  if (listEnd === -1) throw corrupt("its table of contents has no list of entries")
  if (listStart + json.length - listEnd > mostBeside) throw corrupt("its table of contents has a large header")
  const beside = `${json.toString("utf8", 0, listStart)}[]${json.toString("utf8", listEnd + 1)}`
  if (memberOf(parse(beside, corrupt), "version") !== 1)
    throw corrupt("its table of contents has a version other than 1")
  return { starts, ends }
}

export const entryAt = (json: Buffer, { starts, ends }: TableEntries, at: number, corrupt: Corrupt): unknown =>
  parse(json.toString("utf8", starts[at], ends[at]), corrupt)
