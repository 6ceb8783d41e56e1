/** `GET` and `HEAD /v2/<name>/manifests/<reference>`. */
import { contentOfBytes } from "../../Content.ts"
import { mediaTypes, type TestDocument } from "../../image/TestImage.ts"
import { failure, type Reply, reply } from "../http/Reply.ts"
import type { Repositories } from "../Repositories.ts"

/** The types that must be asked for by name; `registry:2` takes no wildcard for one. */
const negotiated: ReadonlyArray<string> = [
  mediaTypes.oci.manifest,
  mediaTypes.oci.index,
  mediaTypes.docker.manifest,
  mediaTypes.docker.index
]

const accepted = (accept: string | undefined): ReadonlySet<string> =>
  new Set((accept ?? "").split(",").map((range) => (range.split(";")[0] ?? "").trim()))

const unknown = (message: string) => failure(404, "MANIFEST_UNKNOWN", message)

/**
 * Negotiates as `registry:2` does: an OCI document that `Accept` does not name is not found; for a Docker list under a
 * tag the client that does not name lists gets the manifest of linux/amd64. (The rewriting to schema 1 is left out:
 * such a client gets 404.)
 */
export const serveManifest = (
  repositories: Repositories,
  repository: string,
  reference: string,
  headers: { readonly accept?: string | undefined; readonly "if-none-match"?: string | undefined },
  negotiate: boolean
): Reply => {
  const document = repositories.document(repository, reference)
  if (document === undefined)
    return repositories.repositories.has(repository)
      ? unknown(`manifest unknown: ${reference}`)
      : failure(404, "NAME_UNKNOWN", "repository name not known to registry")
  const types = accepted(headers.accept)
  if (!negotiate || !negotiated.includes(document.mediaType) || types.has(document.mediaType))
    return serve(document, headers["if-none-match"])
  if (document.mediaType !== mediaTypes.docker.index || reference.includes(":"))
    return unknown(`manifest found, but accept header does not support ${document.mediaType}`)
  const manifest = repositories.document(repository, amd64Of(document) ?? "")
  return manifest !== undefined && types.has(manifest.mediaType)
    ? serve(manifest, headers["if-none-match"])
    : unknown("manifest list found, but accept header does not support manifest lists")
}

const serve = ({ bytes, digest, mediaType }: TestDocument, etag: string | undefined): Reply =>
  etag === `"${digest}"` || etag === digest
    ? reply(304, { etag: `"${digest}"` })
    : {
        ...reply(200, { "content-type": mediaType, "docker-content-digest": digest, etag: `"${digest}"` }, bytes),
        whole: contentOfBytes(bytes),
        start: 0
      }

const amd64Of = (list: TestDocument): string | undefined => {
  const { manifests } = JSON.parse(Buffer.from(list.bytes).toString()) as {
    manifests: ReadonlyArray<{ digest: string; platform?: { os: string; architecture: string } }>
  }
  return manifests.find(({ platform }) => platform?.os === "linux" && platform.architecture === "amd64")?.digest
}
