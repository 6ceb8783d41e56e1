import { randomBytes } from "node:crypto"

/** `EROFS_NAME_LEN`, and Linux's `NAME_MAX`. */
export const mostName = 255

/**
 * A random number for each byte at each place, of which a name's hash is the sum. Nobody who does not know them can make up names
 * that have the same one.
 */
let random: Uint32Array | undefined
const randomNumbers = () => {
  random ??= new Uint32Array(Uint8Array.from(randomBytes(4 * 256 * (mostName + 4))).buffer)
  return random
}

/** The hash of a name in a directory. The name is a binary string of at most `mostName` bytes; the directory is a number. */
export const hashName = (directory: number, name: string): number => {
  const random = randomNumbers()
  let hash = name.length
  for (let byte = 0; byte < 4; byte++)
    hash ^= random[(mostName + byte) * 256 + ((directory >>> (8 * byte)) & 0xff)] ?? 0
  for (let at = 0; at < name.length; at++) hash ^= random[at * 256 + name.charCodeAt(at)] ?? 0
  return hash >>> 0
}
