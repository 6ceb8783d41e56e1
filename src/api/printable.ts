/** What others say, fit to be shown: on one line, without control characters, without a secret of ours. */
import { redactSecrets } from "./secrets.ts"

/**
 * Control and format characters (terminal escapes, those that turn the direction of a text, those that nobody sees), halves
 * of surrogate pairs, and the two separators of lines that JavaScript knows beside the usual ones.
 */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]+/gu

/** Without what a terminal, a log or a web page would obey. */
export const withoutControls = (text: string): string => text.replace(unprintable, " ")

/** An address that was given as a reference, without the user name and password in it. What ends at a digest is a name. */
export const withoutUserInfo = (text: string): string =>
  text.replace(/(:\/\/)[^/?#\s]*@(?![a-z0-9+._-]+:[0-9a-f]{32,})/gi, "$1")

/** What others say without controls, trimmed, of a bounded length, and without a secret that was sent to anybody. */
export const printable = (text: string, limit = 300): string => {
  // Struck first: half of a secret is not found.
  const clean = withoutControls(redactSecrets(text)).trim()
  return clean.length > limit ? `${clean.slice(0, limit)}…` : clean
}

const escapeOf = (found: string): string =>
  Array.from({ length: found.length }, (_, at) => `\\u${found.charCodeAt(at).toString(16).padStart(4, "0")}`).join("")

/** JSON whose characters are all printable: the others are written as JSON's own escapes. */
export const printableJson = (value: unknown, space?: number): string =>
  JSON.stringify(value, null, space).replace(unprintable, (found) => found.split("\n").map(escapeOf).join("\n"))
