/** Tags, the catalogue and referrers. */
import type { TestDocument } from "../../image/TestImage.ts"
import { mediaTypes } from "../../image/TestImage.ts"
import { failure, json, type Reply } from "../http/Reply.ts"
import type { Repositories } from "../Repositories.ts"

/** One page of `values`, sorted, after `last`; a `Link` to the next one where there is one (RFC 8288). */
const page = (values: Iterable<string>, query: URLSearchParams, pageSize: number, path: string) => {
  const sorted = [...values].sort()
  const last = query.get("last")
  const rest = last === null ? sorted : sorted.filter((value) => value > last)
  const asked = Number.parseInt(query.get("n") ?? "", 10)
  const n = Number.isNaN(asked) ? pageSize : Math.min(asked, pageSize)
  const items = rest.slice(0, n)
  const end = items.at(-1)
  const more = end !== undefined && items.length < rest.length
  const link: Reply["headers"] = more ? { link: `<${path}?n=${n}&last=${encodeURIComponent(end)}>; rel="next"` } : {}
  return { items, link }
}

export const serveTags = (
  repositories: Repositories,
  repository: string,
  query: URLSearchParams,
  pageSize: number
): Reply => {
  const held = repositories.repositories.get(repository)
  if (held === undefined) return failure(404, "NAME_UNKNOWN", "repository name not known to registry")
  const { items, link } = page(held.tags.keys(), query, pageSize, `/v2/${repository}/tags/list`)
  return json(200, { name: repository, tags: items }, link)
}

export const serveCatalog = (repositories: Repositories, query: URLSearchParams, pageSize: number): Reply => {
  const { items, link } = page(repositories.repositories.keys(), query, pageSize, "/v2/_catalog")
  return json(200, { repositories: items }, link)
}

interface Referrer {
  readonly subject?: { readonly digest?: string }
  readonly artifactType?: string
  readonly config?: { readonly mediaType?: string }
  readonly annotations?: Readonly<Record<string, string>>
}

/** A registry may hold a document that is not JSON, for a test's sake: nothing refers to anything then. */
const parsed = ({ bytes }: TestDocument): Referrer => {
  try {
    return JSON.parse(Buffer.from(bytes).toString()) as Referrer
  } catch {
    return {}
  }
}

const descriptorOf = ({ bytes, digest, mediaType }: TestDocument, { artifactType, config, annotations }: Referrer) => ({
  mediaType,
  digest,
  size: bytes.length,
  artifactType: artifactType ?? config?.mediaType,
  annotations
})

export const serveReferrers = (
  repositories: Repositories,
  repository: string,
  digest: string,
  query: URLSearchParams,
  pageSize = Number.POSITIVE_INFINITY
): Reply => {
  const all = [...(repositories.repositories.get(repository)?.documents.values() ?? [])]
    .map((document) => [document, parsed(document)] as const)
    .filter(([, { subject }]) => subject?.digest === digest)
    .map(([document, value]) => descriptorOf(document, value))
  const wanted = query.get("artifactType")
  const manifests = wanted === null ? all : all.filter(({ artifactType }) => artifactType === wanted)
  const start = Number(query.get("start") ?? 0)
  const next = new URLSearchParams({ ...Object.fromEntries(query), start: `${start + pageSize}` })
  const path = `/v2/${repository}/referrers/${digest}`
  return json(
    200,
    { schemaVersion: 2, mediaType: mediaTypes.oci.index, manifests: manifests.slice(start, start + pageSize) },
    {
      "content-type": mediaTypes.oci.index,
      ...(wanted === null ? {} : { "oci-filters-applied": "artifactType" }),
      ...(start + pageSize < manifests.length ? { link: `<${path}?${next}>; rel="next"` } : {})
    }
  )
}
