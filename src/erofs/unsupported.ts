import { printable, UnsupportedEntry } from "../api/errors.ts"
import { decodeName } from "../layer/decodeName.ts"

/** The error about an entry that EROFS cannot hold. `path`: its bytes, as a binary string. */
export const unsupported = (path: string, problem: string): UnsupportedEntry =>
  new UnsupportedEntry({ format: "erofs", path: printable(decodeName(path), 300), problem })

/** Throws `UnsupportedEntry` where `value` passes a bound of the format; the bound itself is allowed. */
export const fits = (path: string, value: number, most: number, what: string): void => {
  if (value > most) throw unsupported(path, `${what} is ${value}; the maximum is ${most}`)
}
