/** Small images, and a registry that serves them. */
import { createHash } from "node:crypto"
import { gzipSync } from "node:zlib"
import { dockerIndex, dockerManifest, ociConfig, ociIndex, ociManifest } from "../../src/image/mediaTypes.ts"
import type { Digest } from "../../src/image/reference/Digest.ts"
import type { Handler } from "./server.ts"

export interface Part {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly bytes: Buffer
}

export const digestOf = (bytes: Uint8Array): Digest =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest

export const part = (mediaType: string, content: unknown): Part => {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content))
  return { mediaType, digest: digestOf(bytes), size: bytes.length, bytes }
}

export const descriptor = ({ mediaType, digest, size }: Part, more: object = {}) => ({
  mediaType,
  digest,
  size,
  ...more
})

export interface SmallImage {
  readonly manifest: Part
  readonly config: Part
  readonly layers: ReadonlyArray<Part>
  readonly parts: ReadonlyArray<Part>
}

export const image = (
  platform: object,
  options: { readonly text?: string; readonly manifest?: object; readonly config?: object; readonly type?: string } = {}
): SmallImage => {
  const text = options.text ?? JSON.stringify(platform)
  const tar = Buffer.from(`layer of ${text}`)
  const layers = [part("application/vnd.oci.image.layer.v1.tar+gzip", gzipSync(tar))]
  const config = part(ociConfig, {
    ...platform,
    rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
    ...options.config
  })
  const manifest = part(options.type ?? ociManifest, {
    schemaVersion: 2,
    mediaType: options.type ?? ociManifest,
    config: descriptor(config),
    layers: layers.map((layer) => descriptor(layer)),
    ...options.manifest
  })
  return { manifest, config, layers, parts: [manifest, config, ...layers] }
}

export const index = (manifests: ReadonlyArray<object>, more: object = {}, type = ociIndex): Part =>
  part(type, { schemaVersion: 2, mediaType: type, manifests, ...more })

const isDocument = ({ mediaType }: Part) => [ociIndex, ociManifest, dockerIndex, dockerManifest].includes(mediaType)

/** Serves parts by digest, and `tags`; repository `org/app`. */
export const registry = (parts: ReadonlyArray<Part>, tags: Readonly<Record<string, Part>>): Handler => {
  const byDigest = new Map(parts.map((it) => [it.digest as string, it]))
  return (request, response) => {
    const [, kind, name = ""] = /^\/v2\/(?:library|org)\/app\/(manifests|blobs)\/(.+)$/.exec(request.url ?? "") ?? []
    const found = kind === "manifests" ? (tags[name] ?? byDigest.get(name)) : byDigest.get(name)
    if (found === undefined || (kind === "manifests") !== (isDocument(found) || tags[name] === found)) {
      response.writeHead(404, { "content-type": "application/json" })
      response.end(JSON.stringify({ errors: [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown" }] }))
      return
    }
    response.writeHead(200, {
      "content-type": kind === "manifests" ? found.mediaType : "application/octet-stream",
      "content-length": found.bytes.length,
      ...(kind === "manifests" ? { "docker-content-digest": found.digest } : {})
    })
    response.end(request.method === "HEAD" ? undefined : found.bytes)
  }
}
