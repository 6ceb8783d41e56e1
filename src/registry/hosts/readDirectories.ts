/** Reads what this machine's directories say of one host: containerd's `hosts.toml`, docker's and podman's certificates. */
import { delimiter, join } from "node:path"
import * as Effect from "effect/Effect"
import type { TlsOptions } from "../../api/config.ts"
import type { Warning } from "../../api/events.ts"
import { inHome } from "../../fs/home.ts"
import { isRegistry } from "../../image/reference/registryName.ts"
import { environmentVariable } from "../../seams/environmentVariable.ts"
import { type HostsFile, readCertificates, readHostsFile } from "./HostsFile.ts"

export interface HostDirectories {
  /** The `hosts.toml` of this very host. */
  readonly named?: HostsFile | undefined
  /** `_default/hosts.toml`: as containerd reads it, for hosts without one of their own. */
  readonly general?: HostsFile | undefined
  readonly certificates: ReadonlyArray<TlsOptions>
  /** The warnings about files that cannot be used. */
  readonly warnings: ReadonlyArray<Warning>
}

/** `host:port` as a directory's name: as it is, and as it is written where a name may hold no colon. */
const namesOf = (host: string) => {
  const [, name, port] = /^(.*):([0-9]+)$/.exec(host) ?? []
  return name === undefined ? [host] : [`${name}_${port}_`, host]
}

const directoriesOf = Effect.fnUntraced(function* (given: ReadonlyArray<string> | undefined) {
  const named = yield* environmentVariable("OCIFLOW_HOSTS_DIR")
  const configs = [(yield* environmentVariable("XDG_CONFIG_HOME")) ?? inHome(".config")].flat()
  const inConfig = (path: string) => configs.map((config) => join(config, path))
  return {
    hosts: given ?? named?.split(delimiter) ?? [...inConfig("containerd/certs.d"), "/etc/containerd/certs.d"],
    certificates: [
      ...inConfig("docker/certs.d"),
      ...inConfig("containers/certs.d"),
      ...inHome(".docker/certs.d"),
      "/etc/docker/certs.d",
      "/etc/containers/certs.d"
    ]
  }
})

/** The answer of the first directory that says anything. */
const first = Effect.fnUntraced(function* <A>(
  directories: ReadonlyArray<string>,
  read: (directory: string) => Effect.Effect<A | undefined>
) {
  for (const directory of directories) {
    const found = yield* read(directory)
    if (found !== undefined) return found
  }
  return undefined
})

/** Reads what the directories say of a host. As in containerd, if a directory knows the host, what it says of all hosts does not apply. */
const readHosts = Effect.fnUntraced(function* (
  host: string,
  directory: string,
  warnings: Array<Warning>
): Effect.fn.Return<Omit<HostDirectories, "warnings">> {
  const read = (name: string) =>
    readHostsFile(join(directory, name)).pipe(
      Effect.catch(() =>
        Effect.sync((): HostsFile | undefined => {
          const message = `${join(directory, name, "hosts.toml")} cannot be used and is ignored`
          warnings.push({ _tag: "Warning", code: "HostsFileUnusable", message })
          return undefined
        })
      )
    )
  const certificatesIn = (name: string) => readCertificates(join(directory, name))
  const named = yield* first(namesOf(host), read)
  if (named !== undefined) return { named, certificates: [] }
  const certificates = yield* first(namesOf(host), certificatesIn)
  if (certificates !== undefined) return { certificates: [certificates] }
  return { general: (yield* read("_default")) ?? (yield* certificatesIn("_default")), certificates: [] }
})

export const readDirectories = Effect.fnUntraced(function* (
  host: string,
  given: ReadonlyArray<string> | undefined
): Effect.fn.Return<HostDirectories> {
  // It becomes a path.
  if (!isRegistry(host)) return { certificates: [], warnings: [] }
  const warnings: Array<Warning> = []
  const directories = yield* directoriesOf(given)
  const said = yield* Effect.forEach(directories.hosts, (directory) => readHosts(host, directory, warnings))
  const docker = yield* first(directories.certificates, (directory) => readCertificates(join(directory, host)))
  const named = said.find((it) => it.named !== undefined)?.named
  const general = said.find((it) => it.general !== undefined)?.general
  const beside = said.find(({ certificates }) => certificates.length > 0)?.certificates ?? []
  return {
    named,
    general: named === undefined ? general : undefined,
    certificates: [...(docker === undefined ? [] : [docker]), ...beside],
    warnings
  }
})
