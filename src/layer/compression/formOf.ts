/** How bytes are compressed, as their beginning shows it (RFC 1952, RFC 8878; zstd's skippable frames among them). */
export type Form = "gzip" | "zstd" | "plain"

/** By the first four bytes; fewer than four are no archive and pass as they are. */
export const formOf = (b: Uint8Array): Form => {
  if (b[0] === 0x1f && b[1] === 0x8b) return "gzip"
  if (b[0] === 0x28 && b[1] === 0xb5 && b[2] === 0x2f && b[3] === 0xfd) return "zstd"
  if (((b[0] ?? 0) & 0xf0) === 0x50 && b[1] === 0x2a && b[2] === 0x4d && b[3] === 0x18) return "zstd"
  return "plain"
}
