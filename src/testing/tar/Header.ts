/**
 * One header block of 512 bytes, in any of the formats, with any value in any field. Nothing is checked: what the
 * field can hold is written, so that a parser can be shown what no honest tool writes.
 */

/** `v7` has no magic; `pax` headers are ustar's; `gnu` numbers may be base-256; `star` is recognised by its last field. */
export type TarFormat = "v7" | "ustar" | "pax" | "gnu" | "star"

/** Text is written as UTF-8; bytes as they are. */
export type Text = string | Uint8Array

/** Raw field values. A number is octal where it fits, else base-256; a text is written as it is. */
export interface HeaderFields {
  readonly name?: Text
  readonly mode?: number | Text
  readonly uid?: number | bigint | Text
  readonly gid?: number | bigint | Text
  readonly size?: number | bigint | Text
  /** Seconds. */
  readonly mtime?: number | bigint | Text
  /** Default: the true one. */
  readonly checksum?: number | Text
  /** One character. */
  readonly type?: Text
  readonly linkName?: Text
  /** The eight bytes of magic and version. */
  readonly magic?: Text
  readonly uname?: Text
  readonly gname?: Text
  readonly devMajor?: number | bigint | Text
  readonly devMinor?: number | bigint | Text
  /** The 155 bytes before the name in ustar; what else the format keeps there begins at 345 too. */
  readonly prefix?: Text
  /** Bytes to lay over the block at an offset, before the checksum is taken. */
  readonly patches?: ReadonlyArray<readonly [offset: number, bytes: Text]>
}

export const blockSize = 512

export const bytesOf = (text: Text): Uint8Array => (typeof text === "string" ? Buffer.from(text) : text)

/** Octal digits and a NUL; where they do not fit, GNU's base-256: a set first bit, then two's complement. */
export const numberField = (value: number | bigint, width: number): Uint8Array => {
  const number = BigInt(value)
  const octal = number >= 0n ? number.toString(8) : undefined
  if (octal !== undefined && octal.length < width) return Buffer.from(`${octal.padStart(width - 1, "0")}\0`)
  return base256(number, width)
}

export const base256 = (value: bigint, width: number): Uint8Array => {
  const field = Buffer.alloc(width)
  let rest = BigInt.asUintN(width * 8, value)
  for (let i = width - 1; i >= 0; i--) {
    field[i] = Number(rest & 0xffn)
    rest >>= 8n
  }
  field[0] = (field[0] ?? 0) | 0x80
  return field
}

const magics: Readonly<Record<TarFormat, string>> = {
  v7: "",
  ustar: "ustar\x0000",
  pax: "ustar\x0000",
  gnu: "ustar  \0",
  star: "ustar\x0000"
}

export const headerBlock = (format: TarFormat, fields: HeaderFields): Uint8Array => {
  const block = Buffer.alloc(blockSize)
  const put = (offset: number, width: number, value: number | bigint | Text | undefined, absent = "") => {
    const bytes =
      typeof value === "number" || typeof value === "bigint" ? numberField(value, width) : bytesOf(value ?? absent)
    block.set(bytes.subarray(0, width), offset)
  }
  put(0, 100, fields.name)
  put(100, 8, fields.mode ?? 0o644)
  put(108, 8, fields.uid ?? 0)
  put(116, 8, fields.gid ?? 0)
  put(124, 12, fields.size ?? 0)
  put(136, 12, fields.mtime ?? 0)
  put(156, 1, fields.type, "0")
  put(157, 100, fields.linkName)
  if (format !== "v7") {
    put(257, 8, fields.magic, magics[format])
    put(265, 32, fields.uname)
    put(297, 32, fields.gname)
    put(329, 8, fields.devMajor ?? 0)
    put(337, 8, fields.devMinor ?? 0)
    put(345, 155, fields.prefix)
    if (format === "star") put(508, 4, "tar\0")
  }
  for (const [offset, bytes] of fields.patches ?? []) block.set(bytesOf(bytes), offset)
  block.fill(" ", 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  const checksum = fields.checksum ?? sum
  put(148, 8, typeof checksum === "number" ? `${checksum.toString(8).padStart(6, "0")}\0 ` : checksum)
  return block
}

/** Zeros up to the next block. */
export const padding = (size: number): Uint8Array => new Uint8Array((blockSize - (size % blockSize)) % blockSize)
