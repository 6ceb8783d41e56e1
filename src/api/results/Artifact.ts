/** What an artifact is, and its files. Sizes are bytes. */
import type { ManifestDocument } from "./Lookup.ts"

/** A file of an artifact: a layer of its manifest. */
export interface ArtifactFile {
  /**
   * Relative, with `/`: the layer's title (`org.opencontainers.image.title`), cleaned; without a title the digest, with `-`
   * for its colon.
   */
  readonly name: string
  readonly digest: string
  readonly mediaType: string
  readonly size: number
  readonly annotations: Readonly<Record<string, string>>
}

/** A file that was written. */
export interface WrittenFile extends ArtifactFile {
  /** Absolute. Of an archive that was unpacked: the directory that it was unpacked in. */
  readonly path: string
  /** It was an archive, and its entries were written in its place. */
  readonly unpacked: boolean
}

/** A file in memory. */
export interface FileInMemory extends ArtifactFile {
  readonly bytes: Uint8Array
}

export interface Artifact<File extends ArtifactFile = ArtifactFile> {
  readonly reference: string
  /** Digest of the index that the reference names, or of the manifest if there is no index. */
  readonly digest: string
  /** `artifactType` of the manifest or, if that is missing, the media type of its config. */
  readonly artifactType: string
  readonly manifest: ManifestDocument
  /** The manifest's. */
  readonly annotations: Readonly<Record<string, string>>
  /** The config of the manifest, which `blob` reads: of a Helm chart its `Chart.yaml` as JSON. */
  readonly config: { readonly digest: string; readonly mediaType: string; readonly size: number }
  /** In manifest order. */
  readonly files: ReadonlyArray<File>
}
