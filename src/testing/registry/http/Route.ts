/** What a path of the distribution API asks for. */
export type RequestKind =
  | "ping"
  | "manifest"
  | "blob"
  | "tags"
  | "referrers"
  | "catalog"
  | "token"
  | "storage"
  | "other"

export interface Route {
  readonly kind: RequestKind
  readonly repository?: string
  /** A tag or a digest. */
  readonly reference?: string
}

/** A repository name may hold slashes, so the verb is looked for from the end. */
const named = /^\/v2\/(?<repository>.+)\/(?<kind>manifests|blobs|tags|referrers)\/(?<reference>[^/]+)$/

const kinds: Readonly<Record<string, RequestKind>> = {
  manifests: "manifest",
  blobs: "blob",
  tags: "tags",
  referrers: "referrers"
}

export const routeOf = (pathname: string): Route => {
  if (pathname === "/v2/" || pathname === "/v2") return { kind: "ping" }
  if (pathname === "/v2/_catalog") return { kind: "catalog" }
  if (pathname === "/token") return { kind: "token" }
  const { repository, kind, reference } = named.exec(pathname)?.groups ?? {}
  if (repository === undefined || kind === undefined || reference === undefined) return { kind: "other" }
  return { kind: kinds[kind] ?? "other", repository, reference: decoded(reference) }
}

/** Some clients write the colon of a digest as `%3A`. */
const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
