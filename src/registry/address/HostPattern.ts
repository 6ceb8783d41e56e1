/** How hosts are named in lists: `registry.example.com`, `.example.com`, `10.0.0.7`, `10.0.0.0/8`, with a port or without. */
import { isIP } from "node:net"
import ipaddr from "ipaddr.js"

export type HostPattern =
  | { readonly _tag: "Network"; readonly network: string }
  | { readonly _tag: "Host"; readonly host: string; readonly port: string | undefined }

export const parseHostPattern = (entry: string): HostPattern => {
  const text = entry.trim().toLowerCase()
  if (text.includes("/")) return { _tag: "Network", network: text }
  const [, host = text, port] = isIP(text) === 6 ? [] : (/^\[?(.*?)\]?(?::([0-9]+))?$/.exec(text) ?? [])
  return { _tag: "Host", host: host.replace(/\.$/, ""), port }
}

export const portOf = ({ port, protocol }: URL) => port || (protocol === "https:" ? "443" : "80")

/** Whether an address lies in `address/prefix`. False if the text is not of that form. */
export const inNetwork = (address: string, network: string): boolean => {
  if (!ipaddr.isValidCIDR(network) || isIP(address) === 0) return false
  const [parsed, [base, prefix]] = [ipaddr.process(address), ipaddr.parseCIDR(network)]
  return parsed.kind() === base.kind() && parsed.match(base, prefix)
}
