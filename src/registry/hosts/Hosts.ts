/**
 * Where a registry's images are to be had: its mirrors in order, and itself at last. From the option `hosts`, else from
 * containerd's directories; and what docker's and podman's `certs.d` say of certificates.
 */
import { homedir } from "node:os"
import { delimiter, join } from "node:path"
import * as Cache from "effect/Cache"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { HostOptions, MirrorOptions, PullerOptions } from "../../api/config.ts"
import type { Emit, Warning } from "../../api/events.ts"
import { isRegistry, normalizeRegistry } from "../../image/reference/registryName.ts"
import { variable } from "../auth/authFiles.ts"
import { hostOf, placeOfHost } from "../connection/Address.ts"
import { type Endpoint, endpointOf } from "../connection/Endpoint.ts"
import { type Tls, tlsOf } from "../connection/Tls.ts"
import { type HostsFile, readCertificates, readHostsFile } from "./HostsFile.ts"

export interface Mirror {
  readonly endpoint: Endpoint
  /** It is believed what a tag names. */
  readonly resolves: boolean
  /** It serves what a digest names. */
  readonly pulls: boolean
}

export interface Places {
  readonly mirrors: ReadonlyArray<Mirror>
  readonly origin: Endpoint
}

export interface Hosts {
  readonly of: (registry: string, emit: Emit) => Effect.Effect<Places>
  /** How TLS is spoken to a host that a registry pointed to. */
  readonly tls: (host: string) => Effect.Effect<Tls | undefined>
}

export type HostsOptions = Pick<PullerOptions, "hosts" | "hostsDirs" | "plainHttp">

type Headers = NonNullable<HostOptions["headers"]>

const redacted = (headers: Headers) =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      Redacted.isRedacted(value) ? value : Redacted.make(value)
    ])
  )

const withOptions = (endpoint: Endpoint, options: HostOptions): Endpoint => {
  const tls = tlsOf(options)
  return {
    ...endpoint,
    ...(tls === undefined ? {} : { tls }),
    ...(options.headers === undefined ? {} : { headers: redacted(options.headers) })
  }
}

/** As containerd reads it: without a scheme plain for this machine and else secured, `/v2` at the end of the path. */
const endpointAt = ({ url: text, overridePath = false, ...options }: MirrorOptions): Endpoint | undefined => {
  const local = (host: string) =>
    URL.canParse(`http://${host}`) && placeOfHost(hostOf(new URL(`http://${host}`))) === "loopback"
  const whole = /^[a-z]+:\/\//i.test(text) ? text : `${local(text) ? "http" : "https"}://${text}`
  if (!URL.canParse(whole)) return undefined
  const url = new URL(whole)
  if (!/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") return undefined
  const path = url.pathname.replace(/\/+$/, "")
  return withOptions(
    {
      registry: normalizeRegistry(url.host),
      origin: url.origin,
      plainHttp: url.protocol === "http:",
      root: overridePath || path.endsWith("/v2") ? path : `${path}/v2`
    },
    options
  )
}

const mirrorOf = (namespace: string, given: string | MirrorOptions): Mirror | undefined => {
  const options = typeof given === "string" ? { url: given } : given
  const endpoint = endpointAt(options)
  // containerd takes a mirror without capabilities for one that has them all.
  const capabilities = options.capabilities ?? ["pull", "resolve"]
  return (
    endpoint && {
      endpoint: { ...endpoint, namespace },
      resolves: capabilities.includes("resolve"),
      pulls: capabilities.includes("pull")
    }
  )
}

/** What is said of all hosts can neither forgive a certificate nor show one: that is for hosts that are named. */
const forAll = ({ insecure: _, client: __, ...options }: HostsFile): HostsFile => options

/** `host:port` as a directory's name: as it is, and as it is written where a name may hold no colon. */
const namesOf = (registry: string) => {
  const [, host, port] = /^(.*):([0-9]+)$/.exec(registry) ?? []
  return host === undefined ? [registry] : [`${host}_${port}_`, registry]
}

/** Milliseconds that are saved over all layers of a pull; a change of the files is seen by the next. */
const fresh = Duration.seconds(10)

const directoriesOf = Effect.fnUntraced(function* (given: ReadonlyArray<string> | undefined) {
  const config = (yield* variable("XDG_CONFIG_HOME")) ?? join(homedir(), ".config")
  const named = yield* variable("OCIFLOW_HOSTS_DIR")
  return {
    hosts: given ?? named?.split(delimiter) ?? [join(config, "containerd/certs.d"), "/etc/containerd/certs.d"],
    certificates: [
      join(config, "docker/certs.d"),
      join(config, "containers/certs.d"),
      join(homedir(), ".docker/certs.d"),
      "/etc/docker/certs.d",
      "/etc/containers/certs.d"
    ]
  }
})

/** What the directories say of one host, and what cannot be used among it. */
const look = Effect.fnUntraced(function* (registry: string, given: ReadonlyArray<string> | undefined) {
  const warnings: Array<Warning> = []
  const directories = yield* directoriesOf(given)
  // It becomes a path.
  if (!isRegistry(registry)) return { warnings, file: undefined, byName: false }
  for (const directory of directories.hosts)
    for (const name of [...namesOf(registry), "_default"]) {
      const file: HostsFile | undefined = yield* readHostsFile(join(directory, name)).pipe(
        Effect.catch(() =>
          Effect.sync(() => {
            const message = `${join(directory, name, "hosts.toml")} cannot be used: what it says is left out`
            warnings.push({ _tag: "Warning", code: "HostsFileUnusable", message })
            return undefined
          })
        )
      )
      if (file !== undefined) return { warnings, file, byName: name !== "_default" }
    }
  for (const directory of directories.certificates) {
    const file: HostsFile | undefined = yield* readCertificates(join(directory, registry))
    if (file !== undefined) return { warnings, file, byName: true }
  }
  return { warnings, file: undefined, byName: false }
})

export const makeHosts = Effect.fnUntraced(function* ({
  hosts = {},
  hostsDirs,
  plainHttp
}: HostsOptions = {}): Effect.fn.Return<Hosts> {
  const named = new Map(Object.entries(hosts).map(([name, options]) => [normalizeRegistry(name), options]))
  const cache = yield* Cache.makeWith((registry: string) => look(registry, hostsDirs), {
    capacity: 1000,
    timeToLive: () => fresh
  })

  const of = Effect.fnUntraced(function* (registry: string, emit: Emit): Effect.fn.Return<Places> {
    const { file = {}, warnings, byName } = yield* Cache.get(cache, registry)
    for (const warning of warnings) emit(warning)
    const given = named.get(registry) ?? forAll(named.get("*") ?? {})
    const merged: HostsFile = {
      ...(byName ? file : forAll(file)),
      ...Object.fromEntries(Object.entries(given).filter(([, it]) => it !== undefined))
    }
    const mirrors = (merged.mirrors ?? []).flatMap((it) => {
      const mirror = mirrorOf(registry, it)
      if (mirror === undefined)
        emit({
          _tag: "Warning",
          code: "MirrorUnusable",
          message: `a mirror of ${registry} has an address that cannot be used`
        })
      return mirror === undefined ? [] : [mirror]
    })
    const plain = merged.plainHttp ?? plainHttp === true
    const itself = withOptions(endpointOf(registry, plain, tlsOf(merged) !== undefined), merged)
    const server = merged.server === undefined ? undefined : endpointAt(merged.server)
    // A server that is the registry itself is not another one.
    const origin =
      server === undefined || server.origin === itself.origin
        ? itself
        : server.registry === registry
          ? server
          : { ...server, namespace: registry }
    return {
      mirrors: mirrors.filter(
        ({ endpoint }) => endpoint.origin !== origin.origin || endpoint.root !== (origin.root ?? "/v2")
      ),
      origin
    }
  })

  const tls = Effect.fnUntraced(function* (host: string) {
    const { file, byName } = yield* Cache.get(cache, host)
    return tlsOf({ ...(byName ? file : {}), ...named.get(host) })
  })
  return { of, tls }
})
