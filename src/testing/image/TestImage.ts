/** An image as a registry holds it: documents and blobs by digest, and what a test wants to know about them. */
import { type Content, digestOf } from "../Content.ts"

/** A manifest or an index. */
export interface TestDocument {
  readonly digest: string
  readonly mediaType: string
  readonly bytes: Uint8Array
}

export interface TestLayer {
  readonly digest: string
  readonly diffId: string
  readonly mediaType: string
  /** Bytes of the blob. */
  readonly size: number
  /** Bytes of the archive inside, where it is known. */
  readonly inflated?: number
}

export interface TestManifest {
  readonly digest: string
  readonly mediaType: string
  readonly size: number
  /** `os/architecture[/variant]` */
  readonly platform: string
  readonly config: { readonly digest: string; readonly size: number; readonly value: Readonly<Record<string, unknown>> }
  /** Lowest first, repeats kept. */
  readonly layers: ReadonlyArray<TestLayer>
}

export interface TestImage {
  /** What a tag of this image names: the index's digest, or the manifest's where there is no index. */
  readonly digest: string
  readonly mediaType: string
  readonly size: number
  /** The document that `digest` names is among them. */
  readonly documents: ReadonlyMap<string, TestDocument>
  readonly blobs: ReadonlyMap<string, Content>
  readonly manifests: ReadonlyArray<TestManifest>
}

export const mediaTypes = {
  oci: {
    index: "application/vnd.oci.image.index.v1+json",
    manifest: "application/vnd.oci.image.manifest.v1+json",
    config: "application/vnd.oci.image.config.v1+json",
    none: "application/vnd.oci.image.layer.v1.tar",
    gzip: "application/vnd.oci.image.layer.v1.tar+gzip",
    zstd: "application/vnd.oci.image.layer.v1.tar+zstd"
  },
  docker: {
    index: "application/vnd.docker.distribution.manifest.list.v2+json",
    manifest: "application/vnd.docker.distribution.manifest.v2+json",
    config: "application/vnd.docker.container.image.v1+json",
    none: "application/vnd.docker.image.rootfs.diff.tar",
    gzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
    zstd: "application/vnd.docker.image.rootfs.diff.tar.zstd"
  }
} as const

export type Format = keyof typeof mediaTypes

/** A value as a document that a registry holds. */
export const documentOf = (mediaType: string, value: unknown): TestDocument => {
  const bytes = Buffer.from(JSON.stringify(value))
  return { digest: digestOf(bytes), mediaType, bytes }
}

export const descriptorOf = ({ mediaType, digest, bytes }: TestDocument) => ({ mediaType, digest, size: bytes.length })
