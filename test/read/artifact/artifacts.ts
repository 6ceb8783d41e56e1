/** Artifacts as their specs have them, put into a registry of the test. */
import { mediaTypes, type TestRegistry } from "../../../src/testing/index.ts"

export const title = "org.opencontainers.image.title"
export const emptyType = "application/vnd.oci.empty.v1+json"

export interface TestFile {
  readonly bytes: Uint8Array
  readonly mediaType?: string
  readonly title?: string
  readonly annotations?: Readonly<Record<string, string>>
  /** Laid over the descriptor. */
  readonly descriptor?: Readonly<Record<string, unknown>>
}

export interface TestArtifact {
  readonly artifactType?: string
  readonly config?: { readonly mediaType: string; readonly bytes: Uint8Array }
  readonly annotations?: Readonly<Record<string, string>>
  readonly subject?: { readonly digest: string; readonly size: number }
}

/** Adds it under a tag, or without one; gives its digest and size. */
export const addArtifact = (
  registry: TestRegistry,
  name: string,
  files: ReadonlyArray<TestFile>,
  { config = { mediaType: emptyType, bytes: Buffer.from("{}") }, ...fields }: TestArtifact = {}
) => {
  const [repository = name, tag] = name.split(":")
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.oci.manifest,
    ...fields,
    ...(fields.subject === undefined ? {} : { subject: { mediaType: mediaTypes.oci.manifest, ...fields.subject } }),
    config: {
      mediaType: config.mediaType,
      digest: registry.addBlob(repository, config.bytes),
      size: config.bytes.length
    },
    layers: files.map(({ bytes, mediaType = "application/octet-stream", annotations, descriptor, ...file }) => ({
      mediaType,
      digest: registry.addBlob(repository, bytes),
      size: bytes.length,
      ...(file.title === undefined && annotations === undefined
        ? {}
        : { annotations: { ...(file.title === undefined ? {} : { [title]: file.title }), ...annotations } }),
      ...descriptor
    }))
  }
  const bytes = Buffer.from(JSON.stringify(manifest))
  const digest = registry.addDocument(repository, bytes, mediaTypes.oci.manifest, tag)
  return { digest, size: bytes.length, layers: manifest.layers }
}
