// What the three Node ways share: the manifest, and a blob as a stream that fails at its end unless the digest is right.
import { createHash } from "node:crypto"
import { Transform } from "node:stream"
import { request } from "undici"

const accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"

export const [registry, image, out] = process.argv.slice(2)

export const layers = async () => {
  const { body } = await request(`${registry}/v2/${image}/manifests/latest`, { headers: { accept } })
  const manifest = await body.json()
  return [...new Map(manifest.layers.map((layer) => [layer.digest, layer])).values()]
}

export const blob = async (digest) => {
  const { statusCode, body } = await request(`${registry}/v2/${image}/blobs/${digest}`)
  if (statusCode !== 200) throw new Error(`${digest}: ${statusCode}`)
  return body
}

export const verify = (digest) => {
  const hash = createHash("sha256")
  return new Transform({
    transform(chunk, _, next) {
      hash.update(chunk)
      next(null, chunk)
    },
    flush(next) {
      const found = `sha256:${hash.digest("hex")}`
      next(found === digest ? null : new Error(`${digest} is ${found}`))
    }
  })
}
