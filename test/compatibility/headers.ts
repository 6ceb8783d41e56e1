/** Statuses and headers that are not quite as they are written down. */
import type { Row } from "./Row.ts"

export interface RedirectCase extends Row {
  /** As it stands in `Location`, byte by byte; `HOST` is the registry's own. */
  readonly location: string
  /** As it is asked for. */
  readonly asked: string
}

export interface TokenCase extends Row {
  readonly status: number
  readonly challenge: string
  /** The query of the request for a token; `undefined` where the answer is not a token. */
  readonly asked: string
  readonly ends: "pulled" | "RegistryError" | "InvalidResponse"
}

const file = "compatibility/headers.test.ts"
const go = "Go's `net/url` escapes each byte as it is"

const redirected = (input: string, location: string, asked: string): RedirectCase => ({
  input: `\`Location\` with ${input}`,
  behaviour: "followed; its bytes are escaped once",
  oracle: go,
  location,
  asked,
  law: [file, "is followed as the table says"]
})

export const redirects: ReadonlyArray<RedirectCase> = [
  redirected("UTF-8 in the path", "/stored/\u00c3\u00a9t\u00c3\u00a9", "/stored/%C3%A9t%C3%A9"),
  redirected("UTF-8 in the query", "http://HOST/stored?name=\u00c3\u00bc&sig=%2B", "/stored?name=%C3%BC&sig=%2B"),
  redirected("Latin-1 in the query", "/stored?name=\u00fc", "/stored?name=%FC"),
  redirected("escaped UTF-8", "/stored/%C3%A9", "/stored/%C3%A9"),
  redirected("a blank", "/stored/a b", "/stored/a%20b")
]

const bearer = 'Bearer realm="http://HOST/token",service="registry"'
const query = "service=registry&scope=repository%3Aorg%2Fapp%3Apull"
const token = (
  input: string,
  status: number,
  ends: TokenCase["ends"] = "pulled",
  challenge = bearer,
  asked = `/token?${query}`
): TokenCase => ({
  input,
  behaviour: ends === "pulled" ? "accepted" : `\`${ends}\``,
  oracle: ends === "pulled" ? "RFC 9110, section 15.3" : "RFC 9110: it holds no token",
  status,
  challenge,
  asked,
  ends,
  law: [file, "ends as the table says"]
})

export const tokens: ReadonlyArray<TokenCase> = [
  ...[200, 201, 202, 203].map((status) => token(`a token with the status ${status}`, status)),
  token("an answer for a token with the status 204", 204, "RegistryError"),
  token("an answer for a token with the status 300", 300, "RegistryError"),
  token(
    "a realm with UTF-8 in its path",
    200,
    "pulled",
    'Bearer realm="http://HOST/token/\u00c3\u00a9",service="registry"',
    `/token/%C3%A9?${query}`
  ),
  token(
    "a service with UTF-8 in its name",
    200,
    "pulled",
    'Bearer realm="http://HOST/token",service="H\u00c3\u00a4fen"',
    `/token?service=H%C3%A4fen&scope=repository%3Aorg%2Fapp%3Apull`
  )
]
