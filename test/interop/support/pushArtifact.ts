/** Pushes blobs and a manifest as the distribution-spec says ("Pushing a blob monolithically", "Pushing Manifests"). */
import { createHash } from "node:crypto"

export interface PushedFile {
  readonly bytes: Uint8Array
  readonly mediaType: string
  readonly annotations?: Readonly<Record<string, string>>
}

export interface PushedArtifact {
  readonly config: PushedFile
  readonly layers: ReadonlyArray<PushedFile>
  /** More of the manifest. */
  readonly fields?: Readonly<Record<string, unknown>>
}

const manifestType = "application/vnd.oci.image.manifest.v1+json"

export const sha256 = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`

const send = async (url: URL | string, init: RequestInit) => {
  const response = await fetch(url, init)
  const text = await response.text()
  if (!response.ok) throw new Error(`${init.method} ${url}: ${response.status} ${text}`)
  return response
}

const pushBlob = async (host: string, repository: string, bytes: Uint8Array) => {
  const start = `http://${host}/v2/${repository}/blobs/uploads/`
  const { headers } = await send(start, { method: "POST" })
  const upload = new URL(headers.get("location") ?? "", start)
  upload.searchParams.set("digest", sha256(bytes))
  await send(upload, {
    method: "PUT",
    headers: { "content-type": "application/octet-stream" },
    body: Uint8Array.from(bytes)
  })
}

/** Gives the manifest's digest. */
export const pushArtifact = async (host: string, name: string, { config, layers, fields }: PushedArtifact) => {
  const [repository = name, tag] = name.split(":")
  for (const { bytes } of [config, ...layers]) await pushBlob(host, repository, bytes)
  const describe = ({ bytes, ...file }: PushedFile) => ({ ...file, digest: sha256(bytes), size: bytes.length })
  const manifest = Buffer.from(
    JSON.stringify({ schemaVersion: 2, ...fields, config: describe(config), layers: layers.map(describe) })
  )
  const digest = sha256(manifest)
  await send(`http://${host}/v2/${repository}/manifests/${tag ?? digest}`, {
    method: "PUT",
    headers: { "content-type": manifestType },
    body: manifest
  })
  return digest
}
