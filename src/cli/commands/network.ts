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
      ({ value }) => `${value} is not ${metavar}`
    ),
    Flag.atLeast(0)
  )

const several = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.atLeast(0))

export const network = {
  plainHttp: switched("plain-http", "Use plain HTTP for every registry; loopback does not need this flag"),
  mirrors: forHost("mirror", "[HOST=]URL", "Try this mirror before HOST, or before every registry", true),
  hostsDirs: several("hosts-dir", "DIR", "Read HOST/hosts.toml here (default: OCIFLOW_HOSTS_DIR, else containerd's)"),
  authorities: forHost("ca", "[HOST=]FILE", "Also trust these certificate authorities (PEM)", true),
  certs: forHost(
    "client-cert",
    "HOST=FILE",
    "Client certificate for this host (PEM), with its key unless --client-key is given",
    false
  ),
  keys: forHost("client-key", "HOST=FILE", "Key of the client certificate for this host (PEM)", false),
  insecure: several("insecure", "HOST", "Accept any certificate from this host"),
  trusted: forHost(
    "trusted-host",
    "[REGISTRY=]HOST",
    "Let REGISTRY, or every registry, redirect to this host, domain or network, even a private one",
    true
  ),
  timeout: duration("timeout", "Give up after this time, including retries and waits (default: never)"),
  maxWait: duration(
    "max-wait",
    "Wait at most this long when a registry asks for it, and fail if it asks for more (default: 60s)"
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
