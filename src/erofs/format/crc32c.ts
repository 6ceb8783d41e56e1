/** CRC-32C (Castagnoli), reflected, as the kernel's `crc32c`: neither the seed nor the outcome is inverted here. */
const polynomial = 0x82f63b78

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? polynomial : 0)
  return value
})

export const crc32c = (seed: number, bytes: Uint8Array): number => {
  let value = seed
  for (const byte of bytes) value = (value >>> 8) ^ (table[(value ^ byte) & 0xff] ?? 0)
  return value >>> 0
}

/** The CRC-32C of a binary string, whose characters are bytes. */
export const crc32cOf = (text: string): number => {
  let value = 0
  for (let at = 0; at < text.length; at++) value = (value >>> 8) ^ (table[(value ^ text.charCodeAt(at)) & 0xff] ?? 0)
  return value >>> 0
}
