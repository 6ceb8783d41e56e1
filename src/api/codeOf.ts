/**
 * What an error that is not ours says. Its class is never asked: an error of another realm (Jest runs a test in one, `node:vm`
 * makes them) is not `instanceof` this realm's `Error`.
 */
import { types } from "node:util"

/** An error of any realm. */
export const isError = (value: unknown): value is Error =>
  types.isNativeError(value) || Object.prototype.toString.call(value) === "[object DOMException]"

/** The error's code, from the system or from Node (`ENOENT`, `ERR_…`); empty if it has no code. */
export const codeOf = (error: unknown): string => {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined
  return typeof code === "string" ? code : ""
}

/** Whatever was thrown, as text. */
export const messageOf = (error: unknown): string => (isError(error) ? error.message : String(error))

/** The code of a system error, or the message of any other. */
export const codeOrMessage = (error: unknown): string => codeOf(error) || messageOf(error)
