/**
 * How configuration files name a registry, or a part of one: `https://index.docker.io/v1/`, `http://localhost:5000`,
 * `ghcr.io`, `quay.io/org/app`. Hosts are compared whole, never by their ends.
 */
import { dockerHub, isRegistry, normalizeRegistry } from "../../image/reference/registryName.ts"
import type { RepositoryName } from "./Login.ts"

/** The name Docker Hub goes by in docker's own files, and in those of its helpers. */
export const dockerHubKey = "https://index.docker.io/v1/"

/** One spelling for all that mean the same; `undefined` for what names no registry. */
export const normalizeKey = (key: string): string | undefined => {
  const [, host = "", path = ""] = /^(?:https?:\/\/)?([^/]+)(?:\/(.*?))?\/?$/i.exec(key.trim()) ?? []
  if (!isRegistry(host)) return undefined
  const registry = normalizeRegistry(host)
  return path === "" || path === "v1" || path === "v2" ? registry : `${registry}/${path}`
}

/** The keys that name a repository or a part of its name, the longest first: `host/a/b`, `host/a`, `host`. */
export const keysOf = ({ registry, repository }: RepositoryName): ReadonlyArray<string> => {
  const host = normalizeRegistry(registry)
  const parts = repository === "" ? [] : repository.split("/")
  return [...parts.keys()].map((left) => [host, ...parts.slice(0, parts.length - left)].join("/")).concat(host)
}

/** The key as the program that wrote the table would write it. */
const exactly = (key: string) => (key === dockerHub ? dockerHubKey : key)

/** The entry of a table for a repository. If several keys name the same, the exact one counts, else the first. */
export const entryFor = <A>(table: Readonly<Record<string, A>>, target: RepositoryName): A | undefined => {
  const known = new Map<string, A>()
  for (const [key, value] of Object.entries(table)) {
    const normal = normalizeKey(key)
    if (normal !== undefined && !known.has(normal)) known.set(normal, value)
  }
  for (const key of keysOf(target)) {
    const exact = [exactly(key), key].find((it) => Object.hasOwn(table, it))
    const value = exact === undefined ? known.get(key) : table[exact]
    if (value !== undefined) return value
  }
  return undefined
}

/** What a registry is called when a helper is asked for it; the first that is known counts. */
export const helperNames = (registry: string): ReadonlyArray<string> =>
  registry === dockerHub ? [dockerHubKey, dockerHub] : [registry, `https://${registry}`]
