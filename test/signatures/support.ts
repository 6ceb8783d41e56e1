/** A registry with one image, whose layers are unlike its documents, and rules for it. */
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import type { SignatureRequirement, SignatureRules } from "../../src/api/signatures.ts"
import {
  collect,
  digestOf,
  image,
  imageIndex,
  type TestImage,
  type TestRegistry,
  type TestSignature
} from "../../src/testing/index.ts"

export const single = await image({ layers: [{ files: { "etc/motd": "signed\n" } }] })
export const other = await image({ layers: [{ files: { "etc/motd": "another\n" } }] })
const arm64 = await image({ platform: "linux/arm64", layers: [{ files: { "etc/motd": "arm\n" } }] })
export const index = imageIndex([single, arm64])

export const platform = "linux/amd64"

/** One of these for each image of the registry. */
export const anyOf = (registry: TestRegistry, ...any: ReadonlyArray<SignatureRequirement>): SignatureRules => ({
  rules: [{ scope: registry.host, any }]
})

export const put = (registry: TestRegistry, repository: string, ...signatures: ReadonlyArray<TestSignature>) => {
  for (const it of signatures) registry.add(it.nameIn(repository), it)
}

/** Blobs of an image's layers that were asked for. */
export const layersAsked = (registry: TestRegistry, ...images: ReadonlyArray<TestImage>): number => {
  const layers = new Set(
    images.flatMap((it) => it.manifests.flatMap(({ layers }) => layers.map(({ digest }) => digest)))
  )
  return registry.log.all.filter(({ kind, reference = "" }) => kind === "blob" && layers.has(reference)).length
}

/** Names in a store's directory, none where it is missing. */
export const namesIn = (...path: ReadonlyArray<string>) => readdir(join(...path)).catch((): ReadonlyArray<string> => [])

/** As cosign does it: several signatures of one digest are layers of one manifest. */
export const together = (first: TestSignature, ...more: ReadonlyArray<TestSignature>): TestSignature => {
  const manifestOf = ({ documents, digest }: TestSignature) =>
    JSON.parse(Buffer.from(documents.get(digest)?.bytes ?? "").toString())
  const all = [first, ...more]
  const layers = all.flatMap((it) => manifestOf(it).layers)
  const bytes = Buffer.from(JSON.stringify({ ...manifestOf(first), layers }))
  const digest = digestOf(bytes)
  return {
    ...first,
    digest,
    size: bytes.length,
    documents: new Map([[digest, { digest, mediaType: first.mediaType, bytes }]]),
    blobs: new Map(all.flatMap((it) => [...it.blobs]))
  }
}

/** What a referrer of `sign` or `attest` holds. */
export const bundleIn = async ({ blobs, documents, digest }: TestSignature): Promise<Record<string, unknown>> => {
  const { layers } = JSON.parse(Buffer.from(documents.get(digest)?.bytes ?? "").toString())
  const content = blobs.get(layers[0].digest)
  if (content === undefined) throw new Error("the referrer has no bundle")
  return JSON.parse((await collect(content)).toString())
}
