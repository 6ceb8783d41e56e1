/**
 * Which addresses a registry may send us to.
 *
 * Redirects, token realms and foreign layers are addresses that a stranger writes and our machine connects to: from
 * inside its network, past its firewall, next to the cloud's metadata service at 169.254.169.254. So they must be as
 * public as the registry itself, and never step down from https to http. A name is judged by the addresses it resolves
 * to, at the moment of connecting; see `Guard`.
 */
import { isIP } from "node:net"
import ipaddr from "ipaddr.js"

/** Where an address lies. */
export type AddressScope = "public" | "private" | "loopback" | "link-local"

type Address = ReturnType<typeof ipaddr.parse>

/** By the special-purpose registries of RFC 6890: all that is not named here is not given out for the public internet. */
const places: Readonly<Record<string, AddressScope>> = {
  unicast: "public",
  loopback: "loopback",
  // It connects to this machine.
  unspecified: "loopback",
  linkLocal: "link-local"
}

/** From the nearest to this machine on. */
const nearest: ReadonlyArray<AddressScope> = ["link-local", "loopback", "private", "public"]

const nearestOf = (...found: ReadonlyArray<AddressScope>): AddressScope =>
  nearest.find((it) => found.includes(it)) ?? "public"

const scopeOf = (address: Address): AddressScope => {
  const bytes = address.toByteArray()
  const at = (from: number, mask = 0): AddressScope =>
    scopeOf(ipaddr.fromByteArray(bytes.slice(from, from + 4).map((byte) => byte ^ mask)))
  const range = address.range()
  // IPv4 inside IPv6 is judged as what it holds: a NAT64 network reaches 169.254.169.254 as 64:ff9b::a9fe:a9fe.
  switch (range) {
    case "ipv4Mapped":
    case "rfc6145":
      return at(12)
    case "rfc6052":
      // RFC 6052, section 2.2: where it does not end with the IPv4 address, the network alone knows what it holds.
      return bytes.slice(8, 12).every((byte) => byte === 0) ? at(12) : "link-local"
    case "6to4":
      return at(2)
    case "teredo":
      // Its server, and itself behind its NAT, each bit inverted (RFC 4380, section 4).
      return nearestOf(at(4), at(12, 0xff))
    default:
      // IPv4-compatible, and deprecated (RFC 4291, section 2.5.5.1).
      if (range === "unicast" && bytes.length === 16 && bytes.slice(0, 12).every((byte) => byte === 0)) return at(12)
      return places[range] ?? "private"
  }
}

/** Where an IP address lies; IPv4 within IPv6 is judged as IPv4. What is not an address is as near as can be. */
export const scopeOfAddress = (address: string): AddressScope =>
  ipaddr.isValid(address) ? scopeOf(ipaddr.parse(address)) : "link-local"

/** A URL's host without brackets and the final dot of a full DNS name. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$|\.$/g, "")

/** Where a host lies as far as its text tells; `undefined` for a name that must be resolved first. */
export const scopeOfHost = (host: string): AddressScope | undefined => {
  if (host === "localhost") return "loopback"
  return isIP(host) === 0 ? undefined : scopeOfAddress(host)
}

const inward: Readonly<Record<AddressScope, ReadonlyArray<AddressScope>>> = {
  public: ["public"],
  private: ["public", "private"],
  loopback: ["public", "private", "loopback"],
  "link-local": ["public", "private", "link-local"]
}

/** Whether a registry that lies at `home` may send us to `target`. */
export const mayPointTo = (home: AddressScope, target: AddressScope): boolean => inward[home].includes(target)
