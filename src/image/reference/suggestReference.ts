/**
 * What was probably meant by a text that is not a reference: one of another program's form, an address of a web page or of the
 * registry's API, a path, a slip. Only a proposal: who shows it has parsed it, unless it is that of a file.
 */

import { withoutUserInfo } from "../../api/printable.ts"

export interface Suggestion {
  readonly write: string
  /** What is wrong, where the grammar would name something else. */
  readonly problem?: string
}

type Row = readonly [pattern: RegExp, write: (...groups: ReadonlyArray<string>) => string | Suggestion]

const daemon = (program: string) => (image: string) => ({
  write: "docker-archive:FILE",
  problem: `it names an image in the store of ${program}; ${program} save -o FILE ${image} writes it to a file`
})

const withoutTag = /^(.*?)(?::([^:/]*))?$/

/** The first that matches. An address is without its scheme, user info, query and fragment. */
const addresses: ReadonlyArray<Row> = [
  [/^([^/]+)\/v2\/(.+)\/(?:manifests|blobs)\/([^/:]+:[^/]+)$/, (host, name, digest) => `${host}/${name}@${digest}`],
  [/^([^/]+)\/v2\/(.+)\/manifests\/([^/]+)$/, (host, name, tag) => `${host}/${name}:${tag}`],
  [/^hub\.docker\.com\/(?:_|r\/library)\/([^/]+)/, (name) => name],
  [/^hub\.docker\.com\/r\/([^/]+\/[^/]+)/, (name) => name],
  [/^quay\.io\/repository\/([^/]+\/[^/]+)/, (name) => `quay.io/${name}`],
  [/^gallery\.ecr\.aws\/([^/]+\/[^/]+)/, (name) => `public.ecr.aws/${name}`],
  [
    /^github\.com\/(?:orgs\/)?([^/]+)\/.*\bcontainer(?:\/package)?\/([^/]+)/,
    (owner, name) => `ghcr.io/${owner}/${name}`
  ]
]

const fileOf = (path: string): string =>
  /\.(?:tar|tgz|tar\.\w+)$/.test(path) ? `docker-archive:${path}` : `oci:${path}`

const texts: ReadonlyArray<Row> = [
  [/^(?:docker|podman|nerdctl|crane|skopeo|ociflow) +pull +(\S+)$/, (reference) => reference],
  [/^docker-daemon:(\S+)$/, daemon("docker")],
  [/^containers-storage:(?:\[[^\]]*\])?(\S+)$/, daemon("podman")],
  [
    /^(oci|oci-archive|docker-archive):([^:@]+)@([^@]+:[^@]+)$/,
    (transport, path, digest) => `${transport}:${path}:@${digest}`
  ],
  [/^(?:oci-layout|oci-dir|dir):(?:\/\/(?=\/))?(.+)$/, (path) => `oci:${path}`],
  [/^(?:file|tarball):(?:\/\/(?=\/))?(.+)$/, fileOf],
  [/^(?:docker|registry):(?!\/\/)(.+)$/, (reference) => reference],
  [/^((?:\/|\.\.?\/|~\/).*)$/, fileOf],
  [/^hub\.docker\.com\/_\/([^/]+)$/, (name) => name],
  [/^([^@:]+)@([\w][\w.-]*)$/, (name, tag) => `${name}:${tag}`]
]

const firstOf = (rows: ReadonlyArray<Row>, text: string): Suggestion | undefined => {
  for (const [pattern, write] of rows) {
    const found = pattern.exec(text)
    if (found === null) continue
    const written = write(...found.slice(1))
    return typeof written === "string" ? { write: written } : written
  }
  return undefined
}

/** Lower case before the tag, no empty component, no empty tag. */
const mended = (text: string): string => {
  const [name = "", ...pin] = text.split("@")
  const [, path = "", tag = ""] = withoutTag.exec(name) ?? []
  const components = path.toLowerCase().split("/").filter(Boolean)
  return [`${components.join("/")}${tag === "" ? "" : `:${tag}`}`, ...pin].join("@")
}

/** `undefined` where nothing better is known. */
export const suggestReference = (input: string): Suggestion | undefined => {
  const text = withoutUserInfo(input.trim())
  if (text.length > 1024) return undefined
  const [, scheme = "", authority = "", rest = ""] = /^([a-z-]+):\/\/([^/?#]*)([^?#]*)/i.exec(text) ?? []
  if (scheme !== "" && authority !== "") {
    const address = `${authority}${rest}`
    const write = mended(address)
    // Another host, or a host alone, would be read as a repository of Docker Hub.
    const isAnother = /^https?$/i.test(scheme) && !/^(?:localhost|[^/]*[.:][^/]*)\/./.test(write)
    return firstOf(addresses, address) ?? (isAnother ? undefined : { write })
  }
  const found = firstOf(texts, text)
  if (found !== undefined) return found
  const write = mended(text)
  return write === text ? undefined : { write }
}
