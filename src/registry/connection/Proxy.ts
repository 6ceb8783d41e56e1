/**
 * Which proxy an address is reached by: `HTTPS_PROXY` and `HTTP_PROXY`, less what `NO_PROXY` names, as curl and Go read
 * them. This machine itself is never asked for by a proxy.
 */
import { isIP } from "node:net"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { ProxyOptions } from "../../api/config.ts"
import { variable } from "../auth/authFiles.ts"
import { hostOf, placeOfHost } from "./Address.ts"
import { inNetwork, parseHostPattern, portOf } from "./HostPattern.ts"

export interface ForwardProxy {
  /** Without user name and password: may be shown. */
  readonly origin: string
  readonly authorization: Redacted.Redacted<string> | undefined
}

/** The proxy for an address; `undefined`: none. */
export type ProxyFor = (url: URL) => ForwardProxy | undefined

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** `undefined` for what is no address of an HTTP proxy. `proxy.example.com:3128` is plain HTTP. */
export const parseProxy = (given: Redacted.Redacted<string>): ForwardProxy | undefined => {
  const text = Redacted.value(given).trim()
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  if (!URL.canParse(whole)) return undefined
  const { origin, protocol, username, password } = new URL(whole)
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
  placeOfHost(hostOf(url)) === "loopback" ||
  (list ?? "").split(/[\s,]+/).some((entry) => entry !== "" && names(entry.toLowerCase(), url))

const either = Effect.fnUntraced(function* (name: string) {
  return (yield* variable(name.toLowerCase())) ?? (yield* variable(name))
})

/** Fails with words for what is no proxy. */
export const makeProxy = Effect.fnUntraced(function* (
  given: false | ProxyOptions | undefined
): Effect.fn.Return<ProxyFor, string> {
  if (given === false) return () => undefined
  // A web server hands a request's header `Proxy` to its programs as HTTP_PROXY.
  const served = (yield* variable("REQUEST_METHOD")) !== undefined
  const http = given?.url ?? (served ? yield* variable("http_proxy") : yield* either("HTTP_PROXY"))
  const https = given?.url ?? (yield* either("HTTPS_PROXY"))
  const list = given === undefined ? yield* either("NO_PROXY") : given.noProxy
  const read = (url: typeof http) =>
    url === undefined ? undefined : parseProxy(Redacted.isRedacted(url) ? url : Redacted.make(url))
  const proxies = { "http:": read(http), "https:": read(https) }
  if (
    (http !== undefined && proxies["http:"] === undefined) ||
    (https !== undefined && proxies["https:"] === undefined)
  )
    return yield* Effect.fail("the proxy's address is none of an HTTP proxy")
  return (url) => (withoutProxy(list, url) ? undefined : proxies[url.protocol === "https:" ? "https:" : "http:"])
})
