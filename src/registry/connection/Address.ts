/**
 * Which addresses a registry may send us to.
 *
 * Redirects, token realms and foreign layers are addresses that a stranger writes and our machine connects to: from
 * inside its network, past its firewall, next to the cloud's metadata service at 169.254.169.254. So they must be as
 * public as the registry itself, and never step down from https to http. A name is judged by the addresses it resolves
 * to, at the moment of connecting; see `Transport`.
 */
import { BlockList, isIP } from "node:net"

/** Where an address lies. */
export type Place = "public" | "private" | "loopback" | "link-local"

const list = (...subnets: ReadonlyArray<readonly [network: string, prefix: number]>) => {
  const blocks = new BlockList()
  for (const [network, prefix] of subnets) blocks.addSubnet(network, prefix, network.includes(":") ? "ipv6" : "ipv4")
  return blocks
}

/** The unspecified address connects to this machine, like loopback. */
const loopback = list(["127.0.0.0", 8], ["0.0.0.0", 8], ["::1", 128], ["::", 128])
const linkLocal = list(["169.254.0.0", 16], ["fe80::", 10])
/** All that is not given out for the public internet: RFC 6890 and its successors. */
const notPublic = list(
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["100.64.0.0", 10],
  ["192.0.0.0", 24],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
  ["fc00::", 7],
  ["fec0::", 10],
  ["ff00::", 8]
)

/** IPv4 inside IPv6: a NAT64 network reaches 169.254.169.254 as 64:ff9b::a9fe:a9fe. */
const unwrapped = (ip: string): string => {
  const [, high, low] = /^64:ff9b::(?:([0-9a-f]{1,4}):)?([0-9a-f]{1,4})$/i.exec(ip) ?? []
  if (low === undefined) return ip
  const [h, l] = [Number.parseInt(high ?? "0", 16), Number.parseInt(low, 16)]
  return `${h >> 8}.${h & 255}.${l >> 8}.${l & 255}`
}

/** Where an IP address lies; IPv4 mapped into IPv6 is judged as IPv4. */
export const placeOfAddress = (address: string): Place => {
  const ip = unwrapped(address)
  const family = isIP(ip) === 6 ? "ipv6" : "ipv4"
  if (loopback.check(ip, family)) return "loopback"
  if (linkLocal.check(ip, family)) return "link-local"
  return notPublic.check(ip, family) ? "private" : "public"
}

/** A URL's host without brackets and the final dot of a full DNS name. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$|\.$/g, "")

/** Where a host lies as far as its text tells; `undefined` for a name that must be resolved first. */
export const placeOfHost = (host: string): Place | undefined => {
  if (host === "localhost") return "loopback"
  return isIP(host) === 0 ? undefined : placeOfAddress(host)
}

const inward: Readonly<Record<Place, ReadonlyArray<Place>>> = {
  public: ["public"],
  private: ["public", "private"],
  loopback: ["public", "private", "loopback"],
  "link-local": ["public", "private", "link-local"]
}

/** Whether a registry that lies at `home` may send us to `target`. */
export const mayLead = (home: Place, target: Place): boolean => inward[home].includes(target)

/**
 * Why `from` may not send us to `to`, or `undefined`. `home` is where the registry lies.
 * A host that must be resolved first passes here and is judged again when it is connected to.
 */
export const objection = (from: URL, to: URL, home: Place, plainHttp: boolean): string | undefined => {
  if (to.protocol !== "https:" && to.protocol !== "http:") return "only http and https are followed"
  if (to.username !== "" || to.password !== "") return "it carries a user name"
  const place = placeOfHost(hostOf(to))
  if (to.protocol === "http:" && from.protocol === "https:") return "https may not step down to plain http"
  if (to.protocol === "http:" && to.origin !== from.origin && place !== "loopback" && !plainHttp)
    return "plain http is not enabled"
  if (place !== undefined && !mayLead(home, place)) return `a ${home} registry may not lead to a ${place} address`
  return undefined
}
