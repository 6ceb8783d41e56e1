/** The registry part of a reference: a DNS name or an IP address, with an optional port. */
import { isIPv6 } from "node:net"

/** The name Docker Hub goes by in references. Its API lives elsewhere; see `src/registry/address/Endpoint.ts`. */
export const dockerHub = "docker.io"

/** Other names that Docker Hub answers to. */
const aliases: ReadonlySet<string> = new Set(["index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"])

const label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
const grammar = new RegExp(
  `^(?:(?<name>${label}(?:\\.${label})*)|\\[(?<ipv6>[0-9a-fA-F:.]+)\\])(?::(?<port>[0-9]{1,5}))?$`
)

/** Bounds the grammar's work: a DNS name has at most 253 characters, and a port follows. */
const longest = 259

/**
 * A URL takes a name whose last label is a number for an IPv4 address (WHATWG URL, 4.5): `1.2` is 1.0.0.2 there, and `a.0` and
 * `256.1.1.1` are nothing. A label that begins with `xn--` must be Punycode.
 */
const isSameInUrl = (name: string): boolean => {
  const url = `https://${name}`
  return URL.canParse(url) && new URL(url).hostname === name.toLowerCase()
}

/** A host that a URL can be made of, and nothing else: no user info, no scheme, no path. */
export const isRegistry = (text: string): boolean => {
  if (text.length > longest) return false
  const groups = grammar.exec(text)?.groups
  if (groups === undefined) return false
  const { name, ipv6, port } = groups
  if (port !== undefined && !(Number(port) > 0 && Number(port) <= 65_535)) return false
  return name === undefined ? isIPv6(ipv6 ?? "") : isSameInUrl(name)
}

/** Hosts are the same in any case; so that one image has one name, they are kept in lower case. */
export const normalizeRegistry = (registry: string): string => {
  const lower = registry.toLowerCase()
  return aliases.has(lower) ? dockerHub : lower
}
