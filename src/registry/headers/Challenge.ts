/**
 * What a registry asks for before it answers: the `WWW-Authenticate` header (RFC 9110, section 11.6.1).
 *
 * The header is a comma-separated list of challenges, each of them a comma-separated list of parameters, whose quoted
 * values may hold commas and escapes; so it is read token by token and never split.
 */
import { Scanner } from "./Scanner.ts"

export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string
  /** The parameters by their names in lower case. If a name occurs twice, the first counts. */
  readonly parameters: ReadonlyMap<string, string>
}

/** Characters of all header lines together that are read: a challenge takes some two hundred. */
const longest = 8192

const separator = /[\s,]*/y
const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const equals = /[ \t]*=[ \t]*/y
const quoted = /"((?:[^"\\]|\\[\s\S])*)"/y
/** Looser than a token: realms are addresses, and some registries do not quote them. */
const bare = /[^\s,"]*/y
/** Credentials of the kind `Negotiate a87421000492aa==`, which are no parameters. */
const token68 = /[ \t]+[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y

/** Reads what it can: a malformed rest is dropped, what stood before it is kept. */
export const parseChallenges = (header: string | ReadonlyArray<string> | undefined): ReadonlyArray<Challenge> => {
  const text = (typeof header === "string" ? header : (header ?? []).join(", ")).slice(0, longest)
  const challenges: Array<{ readonly scheme: string; readonly parameters: Map<string, string> }> = []
  const scanner = new Scanner(text)
  while (!scanner.isAtEnd) {
    scanner.take(separator)
    const name = scanner.take(token)?.[0].toLowerCase()
    if (name === undefined) break
    if (scanner.take(equals) === null) {
      challenges.push({ scheme: name, parameters: new Map() })
      scanner.take(token68)
      continue
    }
    const parameters = challenges.at(-1)?.parameters
    const value =
      scanner.next === '"' ? scanner.take(quoted)?.[1]?.replace(/\\([\s\S])/g, "$1") : scanner.take(bare)?.[0]
    if (value === undefined || parameters === undefined) break
    if (!parameters.has(name)) parameters.set(name, value)
  }
  return challenges
}
