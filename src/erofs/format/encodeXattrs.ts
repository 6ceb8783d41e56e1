import { roundUp, xattrEntryBytes, xattrFields, xattrHeaderBytes, xattrPrefixes } from "../../layer/erofs/format.ts"
import { fits } from "../unsupported.ts"

/** `e_value_size` has 16 bits. */
const mostValue = 0xffff
/** Linux's `XATTR_NAME_MAX`. */
const mostName = 255
/** `i_xattr_icount` has 16 bits, and counts in units of 4 bytes. */
const mostBytes = xattrHeaderBytes + 4 * (0xffff - 1)

interface Split {
  readonly index: number
  /** What of the name is written. */
  readonly rest: string
}

/** `undefined` for a name that Linux has no such name space for. */
const split = (name: string): Split | undefined => {
  for (const [prefix, index] of xattrPrefixes) {
    const isWhole = !prefix.endsWith(".")
    if (isWhole ? name === prefix : name.startsWith(prefix) && name.length > prefix.length)
      return { index, rest: name.slice(prefix.length) }
  }
  return undefined
}

/** Whether a file system of Linux has attributes of this name at all. One of macOS, say, has no place there. */
export const isKnownXattr = (name: string): boolean => split(name) !== undefined && !name.includes("\0")

/**
 * `struct erofs_xattr_ibody_header` and an `erofs_xattr_entry` for each attribute, in the order of their names. Names that
 * Linux does not know are left out. Empty where nothing is left. Throws `UnsupportedEntry` beyond the format's bounds.
 */
export const encodeXattrs = (path: string, xattrs: ReadonlyMap<string, Uint8Array>): Uint8Array | undefined => {
  const entries: Array<Buffer> = []
  let length = xattrHeaderBytes
  for (const [name, value] of [...xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const known = isKnownXattr(name) ? split(name) : undefined
    if (known === undefined) continue
    fits(path, name.length, mostName, "the length of an attribute's name")
    fits(path, value.length, mostValue, "the length of an attribute's value")
    const { index, rest } = known
    const entry = Buffer.alloc(roundUp(xattrEntryBytes + rest.length + value.length, 4))
    entry[xattrFields.nameLength] = rest.length
    entry[xattrFields.prefix] = index
    entry.writeUInt16LE(value.length, xattrFields.valueLength)
    entry.write(rest, xattrEntryBytes, "latin1")
    entry.set(value, xattrEntryBytes + rest.length)
    entries.push(entry)
    length += entry.length
  }
  if (entries.length === 0) return undefined
  fits(path, length, mostBytes, "the length of all attributes")
  return Buffer.concat([Buffer.alloc(xattrHeaderBytes), ...entries], length)
}
