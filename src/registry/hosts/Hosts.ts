/**
 * Where a registry's images are to be had: its mirrors in order, and itself at last. From the option `hosts` and from
 * what this machine's directories say. A mirror is a host like any other: what is said of it by name holds for it, too.
 */
import * as Cache from "effect/Cache"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { HostOptions, PullerOptions } from "../../api/config.ts"
import type { Emit, Warning } from "../../api/events.ts"
import { dockerHub, normalizeRegistry } from "../../image/reference/registryName.ts"
import { addressIn, dockerHubApi, type Endpoint, isItself, originAt, type WrittenAddress } from "../address/Endpoint.ts"
import { type Tls, tlsOf } from "../tls/Tls.ts"
import { type HostSettings, mergeSettings, settingsForAllHosts, withSettings } from "./HostSettings.ts"
import type { WrittenMirror } from "./HostsFile.ts"
import { readDirectories } from "./readDirectories.ts"

export interface Mirror {
  readonly endpoint: Endpoint
  /** It may resolve tags. */
  readonly resolves: boolean
  /** It serves what a digest names. */
  readonly pulls: boolean
}

export interface Endpoints {
  /** The registry itself is among them where it stands before others: there it is asked once, as they are. */
  readonly mirrors: ReadonlyArray<Mirror>
  readonly origin: Endpoint
}

export interface Hosts {
  readonly of: (registry: string, emit: Emit) => Effect.Effect<Endpoints>
  /** How TLS is spoken to a host that a registry pointed to. */
  readonly tls: (host: string) => Effect.Effect<Tls | undefined>
}

export type HostsOptions = Pick<PullerOptions, "hosts" | "hostsDirs" | "plainHttp">

type Written = ReadonlyArray<string | WrittenMirror>

/** A mirror's address, and what is said of that host along with it. */
const read = (given: string | WrittenMirror) => {
  const written: WrittenMirror = typeof given === "string" ? { url: given } : given
  const { url, capabilities, overridePath, ...settings } = written
  return { address: addressIn(url, overridePath), capabilities, settings }
}

/** What is said of a host where it stands among mirrors, or as the server of its own images. */
const settingsAmong = (host: string, written: Written = []): ReadonlyArray<HostSettings> =>
  written
    .map(read)
    .flatMap(({ address, settings }) =>
      address === undefined || !isItself(host, address) ? [] : [{ ...settings, plainHttp: address.plainHttp }]
    )

/** containerd takes a mirror without capabilities, or with an empty list of them, for one that has them all. */
const able = (capabilities: ReadonlyArray<string> = []): Pick<Mirror, "resolves" | "pulls"> => {
  const known = capabilities.map((it) => it.toLowerCase())
  const has = (capability: string) => known.length === 0 || known.includes(capability)
  return { resolves: has("resolve"), pulls: has("pull") }
}

/** A mirror that is the registry itself stands where it is written, unless the registry is next anyway. */
const inPlace = (mirrors: ReadonlyArray<Mirror>, origin: Endpoint): ReadonlyArray<Mirror> => {
  const isOrigin = ({ endpoint }: Mirror) =>
    endpoint.origin === origin.origin && endpoint.root === (origin.root ?? "/v2")
  const others = mirrors.findLastIndex((it) => !isOrigin(it)) + 1
  return mirrors.slice(0, others).filter((it, at) => !isOrigin(it) || mirrors.findIndex(isOrigin) === at)
}

/** Milliseconds that are saved over all layers of a pull; a change of the files is seen by the next. */
const fresh = Duration.seconds(10)

export const makeHosts = Effect.fnUntraced(function* ({
  hosts = {},
  hostsDirs,
  plainHttp
}: HostsOptions = {}): Effect.fn.Return<Hosts> {
  const options = new Map(Object.entries(hosts).map(([name, options]) => [normalizeRegistry(name), options]))
  const { mirrors: mirrorsOfAll, ...ofAll }: HostOptions = options.get("*") ?? {}
  const cache = yield* Cache.makeWith((host: string) => readDirectories(host, hostsDirs), {
    capacity: 1000,
    timeToLive: () => fresh
  })

  /** All that is said of one host, from what counts least on: files before options, all hosts before this one. */
  const look = Effect.fnUntraced(function* (host: string) {
    const { named, general, certificates, warnings } = yield* Cache.get(cache, host)
    const { mirrors: own, ...option }: HostOptions = options.get(host) ?? {}
    const { mirrors = [], server, ...file } = named ?? general ?? {}
    const scheme = server === undefined ? [] : [{ url: server.url, overridePath: server.overridePath }]
    const byName = [
      ...certificates,
      named === undefined ? {} : file,
      ...settingsAmong(host, mirrors),
      ...settingsAmong(host, scheme)
    ]
    const ownOptions = [option, ...settingsAmong(host, [...(mirrorsOfAll ?? []), ...(own ?? [])])]
    const settings = mergeSettings(
      named === undefined ? settingsForAllHosts(file) : {},
      ...byName,
      settingsForAllHosts(ofAll),
      ...ownOptions
    )
    // Settings for TLS to a named host mean TLS.
    const secured = tlsOf(mergeSettings(...byName, ...ownOptions)) !== undefined
    const plain = settings.plainHttp ?? (plainHttp === true || secured ? plainHttp === true : plainHttp)
    return { settings, plain, mirrors: own ?? mirrorsOfAll ?? mirrors, tables: mirrors, server, warnings }
  })

  /** A place by its address, and what more is said of it there. */
  const endpointAt = Effect.fnUntraced(function* (
    { registry, ...address }: WrittenAddress,
    more: HostSettings,
    warn: (warnings: ReadonlyArray<Warning>) => void
  ) {
    const { settings, plain, warnings } = yield* look(registry)
    warn(warnings)
    const { root, authority } = address
    const scheme = address.plainHttp ?? plain ?? (tlsOf(more) === undefined ? undefined : false)
    return withSettings({ registry, ...originAt(authority, scheme), root }, mergeSettings(settings, more))
  })

  const of = Effect.fnUntraced(function* (registry: string, emit: Emit): Effect.fn.Return<Endpoints> {
    const { settings, plain, mirrors: written, tables, server, warnings } = yield* look(registry)
    // Of several hosts that the same file is read for, one tells of it.
    const told = new Set<string>()
    const warn = (warnings: ReadonlyArray<Warning>) => {
      for (const warning of warnings) {
        if (!told.has(warning.message)) emit(warning)
        told.add(warning.message)
      }
    }
    warn(warnings)
    const namespaced = (endpoint: Endpoint, address: WrittenAddress): Endpoint =>
      isItself(registry, address) ? endpoint : { ...endpoint, namespace: registry }
    const mirrors: Array<Mirror> = []
    for (const { address, capabilities, settings } of written.map(read)) {
      const message = `a mirror of ${registry} has an address that cannot be used`
      if (address === undefined) emit({ _tag: "Warning", code: "MirrorUnusable", message })
      else {
        const endpoint = namespaced(yield* endpointAt(address, settings, warn), address)
        mirrors.push({ endpoint, ...able(capabilities) })
      }
    }
    const itself = withSettings(
      { registry, ...originAt(registry === dockerHub ? dockerHubApi : registry, plain) },
      settings
    )
    const elsewhere = server === undefined ? undefined : read(server)
    const origin =
      elsewhere?.address === undefined || isItself(registry, elsewhere.address)
        ? itself
        : namespaced(
            yield* endpointAt(
              elsewhere.address,
              mergeSettings(elsewhere.settings, ...settingsAmong(elsewhere.address.registry, tables)),
              warn
            ),
            elsewhere.address
          )
    return { mirrors: inPlace(mirrors, origin), origin }
  })

  const tls = Effect.fnUntraced(function* (host: string) {
    const { settings } = yield* look(host)
    return tlsOf(settings)
  })
  return { of, tls }
})
