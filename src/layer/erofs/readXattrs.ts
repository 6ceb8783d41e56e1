import { roundUp, xattrEntryBytes, xattrFields, xattrHeaderBytes, xattrPrefixes } from "./format.ts"
import type { ImageFile } from "./ImageFile.ts"

const prefixes = new Map<number, string>(xattrPrefixes.map(([prefix, index]) => [index, prefix]))

/** The attributes of an inode, `length` bytes from `at` on, by their names. */
export const readXattrs = (file: ImageFile, at: number, length: number): ReadonlyMap<string, Uint8Array> => {
  const found = new Map<string, Uint8Array>()
  if (length === 0) return found
  const bytes = file.read(at, length)
  for (let entry = xattrHeaderBytes; entry < bytes.length; ) {
    const nameAt = entry + xattrEntryBytes
    if (nameAt > bytes.length) throw file.damaged()
    const valueAt = nameAt + (bytes[entry + xattrFields.nameLength] ?? 0)
    const end = valueAt + bytes.readUInt16LE(entry + xattrFields.valueLength)
    const prefix = prefixes.get(bytes[entry + xattrFields.prefix] ?? 0)
    if (prefix === undefined || end > bytes.length) throw file.damaged()
    found.set(prefix + bytes.toString("latin1", nameAt, valueAt), Uint8Array.from(bytes.subarray(valueAt, end)))
    entry = roundUp(end, 4)
  }
  return found
}
