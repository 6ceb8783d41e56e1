/** How bytes are compressed, as their beginning shows it (RFC 1952, RFC 8878; zstd's skippable frames among them). */
export type Compression = "gzip" | "zstd" | "plain"

/** By the first four bytes; fewer than four are no archive and pass as they are. */
export const compressionOf = (b: Uint8Array): Compression => {
  if (b[0] === 0x1f && b[1] === 0x8b) return "gzip"
  if (b[0] === 0x28 && b[1] === 0xb5 && b[2] === 0x2f && b[3] === 0xfd) return "zstd"
  if (((b[0] ?? 0) & 0xf0) === 0x50 && b[1] === 0x2a && b[2] === 0x4d && b[3] === 0x18) return "zstd"
  return "plain"
}

const unread: ReadonlyArray<readonly [name: string, beginning: ReadonlyArray<number>]> = [
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["lzip", [0x4c, 0x5a, 0x49, 0x50]],
  ["lz4", [0x04, 0x22, 0x4d, 0x18]],
  ["compress", [0x1f, 0x9d]]
]

/**
 * A compression that no layer may have and some builders write all the same. An archive whose first name begins alike
 * is one still: to be asked about bytes that are none.
 */
export const unsupportedCompression = (bytes: Uint8Array): string | undefined =>
  unread.find(([, beginning]) => beginning.every((byte, i) => bytes[i] === byte))?.[0]
