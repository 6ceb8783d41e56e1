/** Media types of the documents that are pulled: OCI image-spec (media-types.md) and Docker image manifest v2 schema 2. */

export const ociIndex = "application/vnd.oci.image.index.v1+json"
export const dockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json"
export const ociManifest = "application/vnd.oci.image.manifest.v1+json"
export const dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
export const ociConfig = "application/vnd.oci.image.config.v1+json"
export const dockerConfig = "application/vnd.docker.container.image.v1+json"

/** A registry converts, or denies, whatever a request for a manifest does not name. */
export const acceptManifests = [ociIndex, dockerIndex, ociManifest, dockerManifest].join(", ")

export const isIndex = (mediaType: string): boolean => mediaType === ociIndex || mediaType === dockerIndex
export const isManifest = (mediaType: string): boolean => mediaType === ociManifest || mediaType === dockerManifest
export const isConfig = (mediaType: string): boolean => mediaType === ociConfig || mediaType === dockerConfig

const nothing: ReadonlySet<string> = new Set(["", "application/json", "application/octet-stream", "text/plain"])

/** Some clients and servers of plain files call everything so. */
export const isGenericType = (mediaType: string): boolean => nothing.has(mediaType)

/** The config of an artifact that has none, `{}`. */
export const emptyConfig = "application/vnd.oci.empty.v1+json"

/** Docker's first schema, `application/vnd.docker.distribution.manifest.v1+json` and its signed form. */
export const isSchema1 = (mediaType: string): boolean =>
  /^application\/vnd\.docker\.distribution\.manifest\.v1\+(?:json|prettyjws)$/.test(mediaType)

/** `Content-Type` without its parameters. */
export const withoutParameters = (contentType: string): string =>
  (contentType.split(";", 1)[0] ?? "").trim().toLowerCase()
