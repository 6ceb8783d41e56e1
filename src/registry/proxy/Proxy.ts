/**
 * Which proxy an address is reached by: `HTTPS_PROXY` and `HTTP_PROXY`, less what `NO_PROXY` names, as curl and Go read
 * them. This machine itself is never asked for by a proxy.
 */
import { isIP } from "node:net"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { ProxyOptions } from "../../api/config.ts"
import { environmentVariable } from "../../seams/environmentVariable.ts"
import { hostOf, scopeOfHost } from "../address/Address.ts"
import { inNetwork, parseHostPattern, portOf } from "../address/HostPattern.ts"

export interface ForwardProxy {
  /** Without user name and password: may be shown. */
  readonly origin: string
  readonly authorization: Redacted.Redacted<string> | undefined
  /** It speaks SOCKS 5, and every request is tunnelled. */
  readonly socks?: { readonly username: string; readonly password: Redacted.Redacted<string> }
}

/** A variable's value that names no proxy of which anything is known. It fails what would be asked for through it. */
export class UnusableProxy extends Error {
  readonly code = "PROXY_UNUSABLE"
}

/** The proxy for an address; `undefined`: none. */
export type ProxyFor = (url: URL) => ForwardProxy | UnusableProxy | undefined

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** `undefined` if the text is not a proxy's address. `proxy.example.com:3128` is plain HTTP. */
export const parseProxy = (given: Redacted.Redacted<string>): ForwardProxy | undefined => {
  const text = Redacted.value(given).trim()
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  if (!URL.canParse(whole)) return undefined
  const { origin, protocol, host, hostname, username, password } = new URL(whole)
  if (hostname === "") return undefined
  // As Go takes both: the proxy resolves names.
  if (/^socks(?:5h?)?:$/.test(protocol)) {
    const login = { username: decoded(username), password: Redacted.make(decoded(password)) }
    return { origin: `socks5://${host}`, authorization: undefined, socks: login }
  }
  if (protocol !== "http:" && protocol !== "https:") return undefined
  const login = `${decoded(username)}:${decoded(password)}`
  const authorization = username === "" ? undefined : Redacted.make(`Basic ${Buffer.from(login).toString("base64")}`)
  return { origin, authorization }
}

/** Whether one entry of `NO_PROXY` names an address. `.example.com` and `*.example.com` leave out the domain itself. */
const names = (entry: string, url: URL): boolean => {
  const host = hostOf(url).toLowerCase()
  if (entry === "*") return true
  const pattern = parseHostPattern(entry)
  if (pattern._tag === "Network") return inNetwork(host, pattern.network)
  if (pattern.port !== undefined && pattern.port !== portOf(url)) return false
  if (isIP(pattern.host) !== 0) return pattern.host === host
  const domain = pattern.host.replace(/^\*/, "")
  if (domain === "") return false
  return domain.startsWith(".") ? host.endsWith(domain) : host === domain || host.endsWith(`.${domain}`)
}

export const withoutProxy = (list: string | undefined, url: URL): boolean =>
  scopeOfHost(hostOf(url)) === "loopback" ||
  (list ?? "").split(/[\s,]+/).some((entry) => entry !== "" && names(entry.toLowerCase(), url))

interface Variable {
  readonly name: string
  readonly value: string
}

const either = Effect.fnUntraced(function* (name: string): Effect.fn.Return<Variable | undefined> {
  for (const each of [name.toLowerCase(), name]) {
    const value = yield* environmentVariable(each)
    if (value !== undefined) return { name: each, value }
  }
  return undefined
})

const usable = "an address as http://proxy.example.com:3128, https:// or socks5://"

/** What a variable says; its value may hold a password. */
const fromVariable = (given: Variable | undefined): ForwardProxy | UnusableProxy | undefined =>
  given === undefined
    ? undefined
    : (parseProxy(Redacted.make(given.value)) ??
      new UnusableProxy(`the variable ${given.name} holds none of: ${usable}`))

/** Fails with a sentence if the option is not a proxy. If a variable is not a proxy, only what would use it fails. */
export const makeProxy = Effect.fnUntraced(function* (
  given: false | ProxyOptions | undefined
): Effect.fn.Return<ProxyFor, string> {
  if (given === false) return () => undefined
  if (given !== undefined) {
    const proxy = parseProxy(Redacted.isRedacted(given.url) ? given.url : Redacted.make(given.url))
    if (proxy === undefined) return yield* Effect.fail(`must have a url that is one of: ${usable}`)
    return (url) => (withoutProxy(given.noProxy, url) ? undefined : proxy)
  }
  // A web server hands a request's header `Proxy` to its programs as HTTP_PROXY.
  const served = (yield* environmentVariable("REQUEST_METHOD")) !== undefined
  const lower = served ? yield* environmentVariable("http_proxy") : undefined
  const http = served
    ? lower === undefined
      ? undefined
      : { name: "http_proxy", value: lower }
    : yield* either("HTTP_PROXY")
  const proxies = { "http:": fromVariable(http), "https:": fromVariable(yield* either("HTTPS_PROXY")) }
  const list = (yield* either("NO_PROXY"))?.value
  return (url) => (withoutProxy(list, url) ? undefined : proxies[url.protocol === "https:" ? "https:" : "http:"])
})
