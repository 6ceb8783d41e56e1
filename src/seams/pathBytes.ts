import { isUtf8 } from "node:buffer"
import { runtime } from "./runtime.ts"

/**
 * A path that is not ASCII, from a binary string. Deno would write another name where it is not UTF-8, with U+FFFD in it:
 * there that fails as on a file system that takes UTF-8 alone.
 */
export const pathBytes = (binary: string): Buffer => {
  const bytes = Buffer.from(binary, "latin1")
  if (runtime !== "deno" || isUtf8(bytes)) return bytes
  throw Object.assign(new Error("EILSEQ: Deno knows no names that are not UTF-8"), { code: "EILSEQ" })
}
