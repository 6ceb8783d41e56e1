/**
 * One 512-byte header, read as Go's reader and GNU tar read it: four dialects (v7, ustar, star, GNU), octal and base-256
 * numbers, signed and unsigned checksums.
 */

export const blockBytes = 512

export type Dialect = "v7" | "ustar" | "star" | "gnu"

type Corrupt = (problem: string) => Error

/** Offset and length of each field. */
const fields = {
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  devMajor: [329, 8],
  devMinor: [337, 8]
} as const

/** Text up to the first NUL, as a binary string. */
export const textAt = (block: Buffer, at: number, length: number): string => {
  let end = at
  while (end < at + length && block[end] !== 0) end++
  return block.toString("latin1", at, end)
}

const isBase256 = (block: Buffer, at: number): boolean => ((block[at] ?? 0) & 0x80) !== 0

/** Two's complement. Exact as far as an integer in a double is, and rounded beyond that. */
const base256At = (block: Buffer, at: number, length: number): number => {
  const first = block[at] ?? 0
  const negative = (first & 0x40) !== 0
  // Read as a complement where negative, so that small magnitudes stay exact.
  let value = negative ? ~first & 0x3f : first & 0x3f
  for (let i = at + 1; i < at + length; i++) value = value * 256 + ((block[i] ?? 0) ^ (negative ? 0xff : 0))
  return negative ? -value - 1 : value
}

/** Octal padded with spaces or NULs, or base-256 in two's complement; NaN for anything else. */
export const numberAt = (block: Buffer, at: number, length: number): number => {
  if (isBase256(block, at)) {
    const value = base256At(block, at, length)
    return Number.isSafeInteger(value) ? value : Number.NaN
  }
  let start = at
  const end = at + length
  while (start < end && (block[start] === 0 || block[start] === 0x20)) start++
  let value = 0
  for (; start < end; start++) {
    const digit = (block[start] ?? 0) - 0x30
    if (digit < 0 || digit > 7) break
    value = value * 8 + digit
  }
  // A NUL ends the text; whatever stands behind it is padding.
  for (; start < end && block[start] !== 0; start++) if (block[start] !== 0x20) return Number.NaN
  return value
}

export const isZero = (block: Buffer): boolean => {
  for (let i = 0; i < blockBytes; i++) if (block[i] !== 0) return false
  return true
}

/** The checksum field counts as spaces. Some old writers summed signed bytes. */
const sums = (block: Buffer): { readonly unsigned: number; readonly signed: number } => {
  let unsigned = 8 * 0x20
  let high = 0
  for (let i = 0; i < blockBytes; i++) {
    if (i === 148) i = 156
    const byte = block[i] ?? 0
    unsigned += byte
    high += byte >> 7
  }
  return { unsigned, signed: unsigned - 256 * high }
}

export const hasChecksum = (block: Buffer): boolean => {
  const said = numberAt(block, 148, 8)
  const { unsigned, signed } = sums(block)
  return said === unsigned || said === signed
}

export const dialectOf = (block: Buffer): Dialect => {
  const magic = block.toString("latin1", 257, 265)
  if (magic === "ustar  \0") return "gnu"
  if (!magic.startsWith("ustar\0")) return "v7"
  return block.toString("latin1", 508, 512) === "tar\0" ? "star" : "ustar"
}

/** Name and prefix. Where GNU's dialect keeps times, Go before 1.8 (and so an old Docker) wrote a prefix all the same. */
export const nameAt = (block: Buffer, dialect: Dialect): string => {
  const name = textAt(block, 0, 100)
  let prefix = ""
  if (dialect === "ustar") prefix = textAt(block, 345, 155)
  else if (dialect === "star") prefix = textAt(block, 345, 131)
  else if (dialect === "gnu" && block[345] !== 0 && (badTime(block, 345) || badTime(block, 357))) {
    const written = textAt(block, 345, 155)
    if (!/[\u0080-\u00ff]/.test(written)) prefix = written
  }
  return prefix === "" ? name : `${prefix}/${name}`
}

const badTime = (block: Buffer, at: number): boolean => block[at] !== 0 && Number.isNaN(numberAt(block, at, 12))

/** The seconds that every file system's conversion of a time survives: those of the years 1 to 9999. */
export const boundedSeconds = (seconds: number): number => Math.min(Math.max(seconds, -62_135_596_800), 253_402_300_799)

/** A time that no system knows is no reason to refuse the entry: it becomes the nearest that all know. */
export const timeAt = (block: Buffer, corrupt: Corrupt): number => {
  const [offset, length] = fields.mtime
  const isBinary = isBase256(block, offset)
  return boundedSeconds(isBinary ? base256At(block, offset, length) : fieldAt(block, "mtime", corrupt))
}

/** The lower 32 bits of an owner, as Go programs hand it to chown(2). */
export const ownerAt = (block: Buffer, field: "uid" | "gid", corrupt: Corrupt): number => {
  const [offset, length] = fields[field]
  if (isBase256(block, offset)) return block.readUInt32BE(offset + length - 4)
  return fieldAt(block, field, corrupt)
}

export const fieldAt = (block: Buffer, field: keyof typeof fields, corrupt: Corrupt): number => {
  const [offset, length] = fields[field]
  const value = numberAt(block, offset, length)
  // Digits behind a NUL are the number to Go, and nothing to GNU tar and Python: of a size, that moves every next header.
  const hidden = field === "size" && value > 0 && block[offset] === 0
  if (hidden || Number.isNaN(value)) throw corrupt(`a header whose ${field} is not a number`)
  return value
}
