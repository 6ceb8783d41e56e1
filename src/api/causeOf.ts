/** An error of somebody else's as the cause of one of ours. */
import { printable, withoutControls } from "./printable.ts"

/** Characters of its message that are kept. */
const longest = 1000

const textOf = (error: object, key: string): string | undefined => {
  const value: unknown = Reflect.get(error, key)
  return typeof value === "string" && value !== "" ? value : undefined
}

/** Node says of several addresses that were tried in an error for each. */
const textOfMessage = (error: object): string | undefined => {
  const errors: unknown = Reflect.get(error, "errors")
  return textOf(error, "message") ?? (Array.isArray(errors) ? errors.map(String).join("; ") : undefined)
}

/**
 * Keeps name, code, message and the lines of the stack, and nothing else that hangs on it: a parser's error holds the answer
 * that it could not read, with the token in it.
 */
export const causeOf = (thrown: unknown): Error => {
  const error = typeof thrown === "object" && thrown !== null ? thrown : { message: String(thrown) }
  const name = textOf(error, "name") ?? "Error"
  const code = textOf(error, "code")
  const cause = new Error(printable(textOfMessage(error) ?? code ?? name, longest))
  const lines = (textOf(error, "stack") ?? "").split("\n").filter((line) => /^\s+at /.test(line))
  const stack = [`${name}: ${cause.message}`, ...lines.map(withoutControls)].join("\n")
  for (const [key, value] of Object.entries({ name: printable(name), stack }))
    Object.defineProperty(cause, key, { value, enumerable: false, writable: true, configurable: true })
  return code === undefined ? cause : Object.assign(cause, { code: printable(code, 100) })
}
