/** Flags for how registries are reached, and the options that they stand for. */
import * as Flag from "effect/cli/Flag"
import type { HostOptions, PullerOptions } from "../../api/config.ts"
import { duration, switched } from "./flags.ts"

export interface ForHost {
  readonly host: string
  readonly value: string
}

/** `HOST=VALUE`; without a host for all of them, where that may be. An address holds its own equals signs behind a slash. */
const forHost = (name: string, metavar: string, description: string, all: boolean) =>
  Flag.String(name).pipe(
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.map((text): ForHost => {
      const [, host, value] = /^([^=/]+)=(.+)$/.exec(text) ?? []
      return host === undefined || value === undefined ? { host: all ? "*" : "", value: text } : { host, value }
    }),
    Flag.filter(
      ({ host, value }) => host !== "" && value !== "",
      ({ value }) => `${value} is no ${metavar}`
    ),
    Flag.atLeast(0)
  )

const several = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.atLeast(0))

export const network = {
  plainHttp: switched("plain-http", "Speak plain HTTP to every registry; loopback needs no such flag"),
  mirrors: forHost("mirror", "[HOST=]URL", "Ask this mirror before the registry, or before any registry", true),
  hostsDirs: several("hosts-dir", "DIR", "Read HOST/hosts.toml here (default: OCIFLOW_HOSTS_DIR, else containerd's)"),
  authorities: forHost("ca", "[HOST=]FILE", "Trust these authorities as well, PEM", true),
  certs: forHost(
    "client-cert",
    "HOST=FILE",
    "Show this certificate to the host, PEM; its key too, if --client-key is not given",
    false
  ),
  keys: forHost("client-key", "HOST=FILE", "Key of the certificate for that host, PEM", false),
  insecure: several("insecure", "HOST", "Take any certificate of this host"),
  trusted: forHost(
    "trusted-host",
    "[REGISTRY=]HOST",
    "Let the registry, or any, point to this host, domain or network, wherever it lies",
    true
  ),
  timeout: duration("timeout", "Give up after so long, all retries and waits included (default: never)"),
  maxWait: duration(
    "max-wait",
    "Wait so long where a registry asks for it, and fail where it asks for more (default: 60s)"
  )
}

export interface Network {
  readonly plainHttp: boolean
  readonly mirrors: ReadonlyArray<ForHost>
  readonly hostsDirs: ReadonlyArray<string>
  readonly authorities: ReadonlyArray<ForHost>
  readonly certs: ReadonlyArray<ForHost>
  readonly keys: ReadonlyArray<ForHost>
  readonly insecure: ReadonlyArray<string>
  readonly timeout: number | undefined
  readonly maxWait: number | undefined
  readonly trusted: ReadonlyArray<ForHost>
}

const valuesFor = (given: ReadonlyArray<ForHost>, host: string) =>
  given.filter((it) => it.host === host).map(({ value }) => value)

const hostOf = ({ mirrors, authorities, certs, keys, insecure, trusted }: Network, host: string): HostOptions => {
  const [ca, urls, keyOf] = [valuesFor(authorities, host), valuesFor(mirrors, host), valuesFor(keys, host)]
  const trustedHosts = valuesFor(trusted, host)
  const client = valuesFor(certs, host).map((cert, at) => ({ cert, key: keyOf[at] }))
  return {
    ...(urls.length === 0 ? {} : { mirrors: urls }),
    ...(ca.length === 0 ? {} : { ca }),
    ...(client.length === 0 ? {} : { client }),
    ...(insecure.includes(host) ? { insecure: true } : {}),
    ...(trustedHosts.length === 0 ? {} : { trustedHosts })
  }
}

/** What is not given is left out: a host's directory may say it. */
export const reached = (
  given: Network
): Pick<PullerOptions, "plainHttp" | "hosts" | "hostsDirs" | "timeouts" | "retry"> => {
  const { plainHttp, hostsDirs, mirrors, authorities, certs, keys, insecure, trusted, timeout, maxWait } = given
  const named = [...mirrors, ...authorities, ...certs, ...keys, ...trusted].map(({ host }) => host)
  const hosts = [...new Set([...named, ...insecure])]
  return {
    ...(plainHttp ? { plainHttp } : {}),
    ...(hosts.length === 0 ? {} : { hosts: Object.fromEntries(hosts.map((host) => [host, hostOf(given, host)])) }),
    ...(hostsDirs.length === 0 ? {} : { hostsDirs }),
    ...(timeout === undefined ? {} : { timeouts: { total: timeout } }),
    ...(maxWait === undefined ? {} : { retry: { maxWait } })
  }
}
