/** The scopes that an image belongs to, the most specific first, as containers-policy.json(5) orders them. */
import { dirname } from "node:path"
import type { Reference } from "../../image/reference/Reference.ts"
import { dockerHub, normalizeRegistry } from "../../image/reference/registryName.ts"
import type { LocalReference } from "../../source/file/LocalReference.ts"

/** Registries that no other scope is for. */
export const anyRegistry = "*"

const domainsOf = (host: string): ReadonlyArray<string> => {
  const labels = host.split(".")
  return labels.slice(1).map((_, at) => `*.${labels.slice(at + 1).join(".")}`)
}

/** Above a repository: `host/ns/*`, `host/ns`, and so on up to the host. */
const pathsAbove = (name: string): ReadonlyArray<string> => {
  const slash = name.lastIndexOf("/")
  if (slash < 0) return []
  const parent = name.slice(0, slash)
  return [`${parent}/*`, parent, ...pathsAbove(parent)]
}

/** What stands for a repository: `docker.io/alpine` is written for `docker.io/library/alpine` too. */
const namesOf = ({ registry, repository }: Reference): ReadonlyArray<string> => {
  const name = `${registry}/${repository}`
  const [, official] = /^library\/([^/]+)$/.exec(repository) ?? []
  return registry === dockerHub && official !== undefined ? [name, `${registry}/${official}`] : [name]
}

/** Where there is a digest, the tag was not looked at: it counts for nothing. */
export const scopesOf = (reference: Reference): ReadonlyArray<string> => {
  const { registry, tag, digest } = reference
  const names = namesOf(reference)
  const suffix = digest === undefined ? `:${tag ?? "latest"}` : `@${digest}`
  return [
    ...names.map((name) => name + suffix),
    ...names,
    ...pathsAbove(names[0] ?? ""),
    ...domainsOf(registry),
    anyRegistry
  ]
}

const directoriesAbove = (path: string): ReadonlyArray<string> => {
  const above = dirname(path)
  return above === path ? [] : [above, ...directoriesAbove(above)]
}

/** No `*` is for a file. */
export const scopesOfFile = ({
  transport,
  path
}: Pick<LocalReference, "transport" | "path">): ReadonlyArray<string> => {
  const above = path.startsWith("/") ? [path, ...directoriesAbove(path)].filter((it) => it !== "/") : []
  return [...above.map((it) => `${transport}:${it}`), `${transport}:`]
}

/** Hosts are the same in any case, and Docker Hub has several names. */
export const normalizeScope = (scope: string): string => {
  if (scope.startsWith("*")) return scope.toLowerCase()
  if (/^(?:oci|docker-archive):/.test(scope)) return scope
  const slash = scope.indexOf("/")
  return slash < 0 ? normalizeRegistry(scope) : normalizeRegistry(scope.slice(0, slash)) + scope.slice(slash)
}
