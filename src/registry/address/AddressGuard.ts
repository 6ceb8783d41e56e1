/**
 * The guard on where connections go.
 *
 * A registry's own origin is connected to wherever it lies. Hosts that it only points to are judged by the addresses
 * that their names resolve to, inside the connection's own look-up: judged before, a name could resolve to something else
 * a moment later. Where the registry itself lies is told by the connections that answered, not by what its name resolves
 * to: the owner of the name would choose. Behind a proxy it is the proxy that resolves names; addresses are judged as
 * ever.
 */
import { type LookupAddress, type LookupAllOptions, lookup as systemLookup } from "node:dns"
import type { LookupFunction } from "node:net"
import { AddressRefused, redactUrl } from "../../api/errors.ts"
import { type AddressScope, hostOf, mayPointTo, scopeOfAddress, scopeOfHost } from "./Address.ts"
import type { Endpoint } from "./Endpoint.ts"
import { inNetwork, parseHostPattern, portOf } from "./HostPattern.ts"

export const refusedCode = "ADDRESS_REFUSED"

/** Resolves a name to all its addresses, as `dns.lookup` does. */
export type LookupAll = (
  host: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: Array<LookupAddress>) => void
) => void

export interface AddressPolicy {
  /** Names what `lookup` lets through: connections of one judgement may be shared. */
  readonly name: string
  readonly lookup: LookupFunction
}

export interface AddressGuard {
  /** Notes the address that answered a registry's own request. */
  readonly answered: (endpoint: Endpoint, address: string | undefined) => void
  /** Where the registry lies, known once it answered; the strictest before, and where it lies in several places. */
  readonly placeOf: (endpoint: Endpoint) => AddressScope
  /**
   * Why a registry may not send us from one address to another, or `undefined`. A host that must be resolved first
   * passes here and is judged by `judge`.
   */
  readonly refusal: (endpoint: Endpoint, from: URL, to: URL) => AddressRefused | undefined
  /** Which addresses may be connected to for a request behind an endpoint. */
  readonly policyFor: (endpoint: Endpoint, url: URL) => AddressPolicy
  /** A proxy is our own: it lies where it likes. What it connects to, it alone can judge. */
  readonly ofProxy: AddressPolicy
  /** What a look-up refused, as its reason. */
  readonly refused: (endpoint: Endpoint, url: URL) => AddressRefused
}

/** Registries that are remembered, and addresses of each. */
const [mostHosts, mostAddresses] = [1000, 16]

const networksOf = ({ trustedHosts = [] }: Endpoint): ReadonlyArray<string> =>
  trustedHosts.map(parseHostPattern).flatMap((it) => (it._tag === "Network" ? [it.network] : []))

/** Named by the user, as a host or by the network that it lies in. */
const isTrusted = ({ trustedHosts = [] }: Endpoint, url: URL): boolean =>
  trustedHosts.map(parseHostPattern).some((pattern) => {
    const host = hostOf(url)
    if (pattern._tag === "Network") return inNetwork(host, pattern.network)
    if (pattern.port !== undefined && pattern.port !== portOf(url)) return false
    return pattern.host.startsWith(".") ? host.endsWith(pattern.host) : host === pattern.host
  })

export const makeAddressGuard = (lookup: LookupAll = systemLookup): AddressGuard => {
  const hosts = new Map<string, { place: AddressScope; readonly addresses: Set<string> }>()
  const knownOf = ({ origin }: Endpoint) => hosts.get(hostOf(new URL(origin)))

  const placeOf: AddressGuard["placeOf"] = (endpoint) =>
    scopeOfHost(hostOf(new URL(endpoint.origin))) ?? knownOf(endpoint)?.place ?? "public"

  const answered: AddressGuard["answered"] = (endpoint, address) => {
    if (address === undefined) return
    const host = hostOf(new URL(endpoint.origin))
    const place = scopeOfAddress(address)
    const known = hosts.get(host)
    if (known === undefined) {
      if (hosts.size >= mostHosts) hosts.clear()
      hosts.set(host, { place, addresses: new Set([address]) })
      return
    }
    // A name that is public as well could lend a stranger the rights of a neighbour.
    if (known.place !== place) known.place = "public"
    if (known.addresses.size < mostAddresses) known.addresses.add(address)
  }

  const refusedBecause = (
    endpoint: Endpoint,
    from: string | URL,
    to: URL,
    problem: string,
    option?: AddressRefused["option"]
  ) =>
    new AddressRefused({
      from: redactUrl(from),
      to: redactUrl(to),
      problem,
      ...(option === undefined ? {} : { option, registry: endpoint.registry })
    })

  const refusal: AddressGuard["refusal"] = (endpoint, from, to) => {
    const refuse = (problem: string, option?: AddressRefused["option"]) =>
      refusedBecause(endpoint, from, to, problem, option)
    if (to.protocol !== "https:" && to.protocol !== "http:") return refuse("only http and https are followed")
    if (to.username !== "" || to.password !== "") return refuse("it carries a user name")
    if (to.protocol === "http:" && from.protocol === "https:") return refuse("https may not step down to plain http")
    if (isTrusted(endpoint, to)) return undefined
    const place = scopeOfHost(hostOf(to))
    const plain = to.protocol === "http:" && to.origin !== from.origin && place !== "loopback"
    if (plain && !endpoint.plainHttp) return refuse("plain http is not enabled", "plainHttp")
    const home = placeOf(endpoint)
    return place === undefined || mayPointTo(home, place)
      ? undefined
      : refuse(`a ${home} registry may not lead to a ${place} address`, "trustedHosts")
  }

  /** Resolves as the system does, and lets through what `allows` an address of a host. */
  const judging =
    (allows: (host: string, address: string) => boolean): LookupFunction =>
    (host, options, callback) => {
      lookup(host, { ...options, all: true }, (error, addresses) => {
        if (error !== null) return callback(error, "", 0)
        const allowed = addresses.filter(({ address }) => allows(host, address))
        const [first] = allowed
        if (first === undefined) return callback(Object.assign(new Error("refused"), { code: refusedCode }), "", 0)
        return options.all === true ? callback(null, allowed) : callback(null, first.address, first.family)
      })
    }
  const any = judging(() => true)

  const policyFor: AddressGuard["policyFor"] = (endpoint, url) => {
    if (url.origin === endpoint.origin || isTrusted(endpoint, url)) return { name: "anywhere", lookup: any }
    const home = placeOf(endpoint)
    // On another port the registry's own host stays what it is: by its certificate, or by an address that answered.
    const own = hostOf(url) === hostOf(new URL(endpoint.origin))
    const secured = url.protocol === "https:"
    const isOwn = (host: string, address: string, place: AddressScope) =>
      own && ((secured && place === "private") || hosts.get(host.replace(/\.$/, ""))?.addresses.has(address) === true)
    const networks = networksOf(endpoint)
    return {
      name: JSON.stringify([home, own, secured, networks]),
      lookup: judging((host, address) => {
        const place = scopeOfAddress(address)
        return mayPointTo(home, place) || isOwn(host, address, place) || networks.some((it) => inNetwork(address, it))
      })
    }
  }

  return {
    answered,
    placeOf,
    refusal,
    policyFor: policyFor,
    ofProxy: { name: "proxy", lookup: any },
    refused: (endpoint, url) =>
      refusedBecause(
        endpoint,
        endpoint.origin,
        url,
        `a ${placeOf(endpoint)} registry may not lead there`,
        "trustedHosts"
      )
  }
}
