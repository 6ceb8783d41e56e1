/**
 * How one host is reached: all that options and files say of it, put together. What is said of all hosts and what is said
 * of this one add up; where both say the same, what names the host counts.
 */
import * as Redacted from "effect/Redacted"
import { filled, type HostOptions } from "../../api/config.ts"
import type { Endpoint } from "../address/Endpoint.ts"
import { tlsOf } from "../tls/Tls.ts"

export type HostSettings = Omit<HostOptions, "mirrors">

type Headers = NonNullable<HostOptions["headers"]>

const listOf = <A>(value: A | ReadonlyArray<A> | undefined): ReadonlyArray<A> =>
  value === undefined ? [] : Array.isArray(value) ? value : [value as A]

const lowerCased = (headers: Headers = {}): Headers =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

/** Authorities and trusted hosts are added, headers count one by one, all else as a whole. */
const add = (general: HostSettings, named: HostSettings): HostSettings => {
  const ca = [...new Set([...listOf(general.ca), ...listOf(named.ca)])]
  const trustedHosts = [...new Set([...(general.trustedHosts ?? []), ...(named.trustedHosts ?? [])])]
  const headers = { ...lowerCased(general.headers), ...lowerCased(named.headers) }
  return {
    ...filled(general, named),
    ...(ca.length === 0 ? {} : { ca }),
    ...(trustedHosts.length === 0 ? {} : { trustedHosts }),
    ...(Object.keys(headers).length === 0 ? {} : { headers })
  }
}

/** From what says least about the host to what says most. */
export const mergeSettings = (...said: ReadonlyArray<HostSettings | undefined>): HostSettings =>
  said.reduce<HostSettings>((sum, each) => (each === undefined ? sum : add(sum, each)), {})

/** What is said of all hosts can neither forgive a certificate nor show one: that is for hosts that are named. */
export const settingsForAllHosts = ({ insecure: _, client: __, ...settings }: HostSettings): HostSettings => settings

const redacted = (headers: Headers) =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Redacted.isRedacted(value) ? value : Redacted.make(value)])
  )

export const withSettings = (endpoint: Endpoint, { headers, trustedHosts, ...settings }: HostSettings): Endpoint => {
  const tls = tlsOf(settings)
  return {
    ...endpoint,
    ...(tls === undefined ? {} : { tls }),
    ...(headers === undefined ? {} : { headers: redacted(headers) }),
    ...(trustedHosts === undefined ? {} : { trustedHosts })
  }
}
