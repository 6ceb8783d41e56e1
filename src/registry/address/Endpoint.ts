/** Where a registry's API is, and how it is spoken to. A registry has its own endpoint, and one for each mirror. */
import type * as Redacted from "effect/Redacted"
import { dockerHub, normalizeRegistry } from "../../image/reference/registryName.ts"
import type { Tls } from "../tls/Tls.ts"
import { hostOf, scopeOfHost } from "./Address.ts"

/** Values all through, so that two endpoints are compared by what they say. */
export interface Endpoint {
  /** The name in references, and in the table of credentials; a mirror's own. */
  readonly registry: string
  /** Scheme, host and port. */
  readonly origin: string
  /** Plain HTTP was asked for, so what the registry points to may be plain as well. */
  readonly plainHttp: boolean
  /** Nobody said how to speak to it: plain HTTP is tried, since it is this very machine. */
  readonly presumed?: boolean
  /** The path of the API. Default `/v2`. */
  readonly root?: string
  readonly tls?: Tls
  /** Sent with each request to the origin, and with none that left it. */
  readonly headers?: Readonly<Record<string, Redacted.Redacted<string>>>
  /** Where it may send us, wherever that lies; see `HostPattern`. */
  readonly trustedHosts?: ReadonlyArray<string>
  /** The registry whose images are wanted, for a mirror, which gets it as `ns`, as containerd sends it. */
  readonly namespace?: string
}

/** Docker Hub's API does not live under its name. */
export const dockerHubApi = "registry-1.docker.io"

/** The scheme is what `plainHttp` says; where nothing does, this very machine is presumed to speak plain HTTP. */
export const originAt = (
  authority: string,
  plainHttp: boolean | undefined
): Pick<Endpoint, "origin" | "plainHttp" | "presumed"> => {
  const presumed = plainHttp === undefined && scopeOfHost(hostOf(new URL(`http://${authority}`))) === "loopback"
  const { origin } = new URL(`${plainHttp === true || presumed ? "http" : "https"}://${authority}`)
  return { origin, plainHttp: plainHttp === true, ...(presumed ? { presumed } : {}) }
}

/** A registry under its own name; `secured` where HTTPS was asked for. */
export const endpointOf = (registry: string, plainHttp: boolean, secured = false): Endpoint => ({
  registry,
  ...originAt(registry === dockerHub ? dockerHubApi : registry, plainHttp || (secured ? false : undefined))
})

/** Where a mirror, or the server of a registry, is said to be. */
export interface WrittenAddress {
  /** Its name, as a registry's. */
  readonly registry: string
  /** Host and port. */
  readonly authority: string
  /** Whether its scheme is `http`; `undefined` where none is written. */
  readonly plainHttp: boolean | undefined
  /** The path of the API. */
  readonly root: string
}

/** Reads an address as containerd does: `/v2` is at the end of the path, unless `overridePath` says that the path is the API's root. */
export const addressIn = (text: string, overridePath = false): WrittenAddress | undefined => {
  const [, scheme] = /^([a-z]+):\/\//i.exec(text) ?? []
  const whole = scheme === undefined ? `https://${text}` : text
  if (!URL.canParse(whole)) return undefined
  const { protocol, host, pathname, username, password } = new URL(whole)
  if (!/^https?:$/.test(protocol) || username !== "" || password !== "") return undefined
  const path = pathname.replace(/\/+$/, "")
  return {
    registry: normalizeRegistry(host),
    authority: host,
    plainHttp: scheme === undefined ? undefined : protocol === "http:",
    root: overridePath || path.endsWith("/v2") ? path : `${path}/v2`
  }
}

/** Whether an address is the registry's own API. */
export const isItself = (
  registry: string,
  { registry: named, authority, plainHttp, root }: WrittenAddress
): boolean => {
  // The port of the scheme need not be written.
  const same = new URL(`${plainHttp === true ? "http" : "https"}://${registry}`).host === authority
  return (named === registry || same) && root === "/v2"
}

/** `path` below the API's root. */
export const addressOf = ({ origin, root = "/v2", namespace }: Endpoint, path = ""): URL => {
  const url = new URL(`${root}/${path}`, origin)
  if (namespace !== undefined) url.searchParams.set("ns", namespace)
  return url
}
