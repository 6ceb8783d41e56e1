/** Results of the calls that inspect an image without pulling it. Sizes are in bytes. */

export interface OfferedPlatform {
  /** `os/architecture[/variant]`, or `unknown`. */
  readonly platform: string
  /** Digest of its manifest. */
  readonly digest: string
  readonly mediaType: string
  readonly layers: number
  /** Bytes of its manifest, its config and each distinct layer: what a pull downloads. */
  readonly size: number
}

/** What a reference names at the moment. */
export interface Resolution {
  readonly reference: string
  /** Digest of the index, or of the manifest if there is no index. */
  readonly digest: string
  readonly mediaType: string
  /** Bytes of that document. */
  readonly size: number
  /** In the order of the index, without entries that are not images. */
  readonly platforms: ReadonlyArray<OfferedPlatform>
  readonly annotations: Readonly<Record<string, string>>
}

/** A manifest or an index. */
export interface ManifestDocument {
  readonly reference: string
  readonly digest: string
  readonly mediaType: string
  readonly size: number
  /** The document itself, as text. The digest is the hash of these bytes. */
  readonly text: string
}

/** An artifact attached to an image: a signature, an SBOM, an attestation. */
export interface Referrer {
  readonly digest: string
  readonly mediaType: string
  /** Bytes of its manifest. */
  readonly size: number
  readonly artifactType?: string
  readonly annotations: Readonly<Record<string, string>>
}
