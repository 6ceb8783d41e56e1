/** All compressions that are read. A new one is a file of this folder and a row here. */
import type { Compression } from "./Compression.ts"
import { gzip } from "./gunzip.ts"
import { zstd } from "./unzstd.ts"

export const compressions: ReadonlyArray<Compression> = [gzip, zstd]

/** Their names, for messages: `gzip`, `zstd`. */
export const compressionNames: ReadonlyArray<string> = compressions.map(({ suffix }) => suffix)

const startsWith = (bytes: Uint8Array, magic: ReadonlyArray<number>) => magic.every((byte, i) => bytes[i] === byte)

/** So many bytes tell which it is. */
export const magicBytes = Math.max(...compressions.flatMap(({ magic }) => magic.map(({ length }) => length)))

/** The compression that the first `magicBytes` show; `undefined` for a plain archive, and for fewer bytes. */
export const compressionOf = (bytes: Uint8Array): Compression | undefined =>
  compressions.find(({ magic }) => magic.some((beginning) => startsWith(bytes, beginning)))

/** What some builders write and no layer may have. `command`: decompresses a file, or its input, to its output. */
export interface UnsupportedCompression {
  readonly name: string
  readonly magic: ReadonlyArray<number>
  readonly command: string
}

const unsupported: ReadonlyArray<UnsupportedCompression> = [
  { name: "bzip2", magic: [0x42, 0x5a, 0x68], command: "bzip2 -dc" },
  { name: "xz", magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], command: "xz -dc" },
  { name: "lzip", magic: [0x4c, 0x5a, 0x49, 0x50], command: "lzip -dc" },
  { name: "lz4", magic: [0x04, 0x22, 0x4d, 0x18], command: "lz4 -dc" },
  { name: "compress", magic: [0x1f, 0x9d], command: "gzip -dc" }
]

/** To be asked about bytes that are no archive: one whose first name begins alike is one still. */
export const unsupportedCompression = (bytes: Uint8Array): UnsupportedCompression | undefined =>
  unsupported.find(({ magic }) => startsWith(bytes, magic))
