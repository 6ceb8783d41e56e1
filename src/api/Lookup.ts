/** What looking at an image tells, without pulling it. Sizes are bytes. */

export interface OfferedPlatform {
  /** `os/architecture[/variant]`; `unknown` where nothing tells it. */
  readonly platform: string
  /** Of its manifest. */
  readonly digest: string
  readonly mediaType: string
  readonly layers: number
  /** Of its manifest, its config and each layer once: what a pull fetches. */
  readonly size: number
}

/** What a reference stands for now. */
export interface Resolution {
  readonly reference: string
  /** Of the index, or of the manifest where there is no index. */
  readonly digest: string
  readonly mediaType: string
  /** Of that document. */
  readonly size: number
  /** In the order of the index; what is no image is left out. */
  readonly platforms: ReadonlyArray<OfferedPlatform>
  readonly annotations: Readonly<Record<string, string>>
}

/** A manifest or an index. */
export interface ManifestDocument {
  readonly reference: string
  readonly digest: string
  readonly mediaType: string
  readonly size: number
  /** The bytes that the digest is of, as text. */
  readonly text: string
}

/** An artifact attached to an image: a signature, an SBOM, an attestation. */
export interface Referrer {
  readonly digest: string
  readonly mediaType: string
  /** Of its manifest. */
  readonly size: number
  readonly artifactType?: string
  readonly annotations: Readonly<Record<string, string>>
}
