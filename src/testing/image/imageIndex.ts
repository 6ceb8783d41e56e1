/** Several images under one digest. */
import { type Content, contentOfBytes } from "../Content.ts"
import {
  descriptorOf,
  documentOf,
  type Format,
  mediaTypes,
  type TestDocument,
  type TestImage,
  type TestManifest
} from "./TestImage.ts"

export interface IndexOptions {
  /** Default `oci`. */
  readonly format?: Format
  /** The index holds one descriptor, of an index that holds the rest. Default false. */
  readonly nested?: boolean
  /** BuildKit's: a manifest for `unknown/unknown` beside each image. Default false. */
  readonly attestations?: boolean
  /** Laid over the index document. */
  readonly index?: Readonly<Record<string, unknown>>
}

export const imageIndex = (images: ReadonlyArray<TestImage>, options: IndexOptions = {}): TestImage => {
  const { format = "oci", nested = false, attestations = false } = options
  const documents = new Map<string, TestDocument>(images.flatMap((image) => [...image.documents]))
  const blobs = new Map<string, Content>(images.flatMap((image) => [...image.blobs]))
  const keep = (document: TestDocument) => {
    documents.set(document.digest, document)
    return document
  }
  const manifests = images.flatMap((image) => image.manifests)
  const entries: ReadonlyArray<unknown> = [
    ...manifests.map(({ digest, mediaType, size, platform }) => ({
      mediaType,
      digest,
      size,
      platform: parse(platform)
    })),
    ...(attestations ? manifests.map((manifest) => attest(manifest, keep, blobs)) : [])
  ]
  const mediaType = mediaTypes[format].index
  const inner = keep(documentOf(mediaType, { schemaVersion: 2, mediaType, manifests: entries, ...options.index }))
  const root = nested
    ? keep(documentOf(mediaType, { schemaVersion: 2, mediaType, manifests: [descriptorOf(inner)] }))
    : inner
  return { digest: root.digest, mediaType, size: root.bytes.length, documents, blobs, manifests }
}

const parse = (platform: string) => {
  const [os, architecture, variant] = platform.split("/")
  return { architecture, os, ...(variant === undefined ? {} : { variant }) }
}

/** The descriptor of an attestation of `manifest`; its documents and blobs are kept. */
const attest = (
  { digest }: TestManifest,
  keep: (document: TestDocument) => TestDocument,
  blobs: Map<string, Content>
) => {
  const statement = documentOf("application/vnd.in-toto+json", {
    _type: "https://in-toto.io/Statement/v0.1",
    predicateType: "https://slsa.dev/provenance/v0.2",
    subject: [{ name: "image", digest: { sha256: digest.slice("sha256:".length) } }]
  })
  const config = documentOf(mediaTypes.oci.config, {
    architecture: "unknown",
    os: "unknown",
    rootfs: { type: "layers", diff_ids: [statement.digest] }
  })
  for (const blob of [statement, config]) blobs.set(blob.digest, contentOfBytes(blob.bytes))
  const manifest = keep(
    documentOf(mediaTypes.oci.manifest, {
      schemaVersion: 2,
      mediaType: mediaTypes.oci.manifest,
      config: descriptorOf(config),
      layers: [
        { ...descriptorOf(statement), annotations: { "in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2" } }
      ]
    })
  )
  return {
    ...descriptorOf(manifest),
    annotations: { "vnd.docker.reference.digest": digest, "vnd.docker.reference.type": "attestation-manifest" },
    platform: { architecture: "unknown", os: "unknown" }
  }
}
