/** Images and indexes, built in memory (image-spec: manifest.md, config.md, image-index.md). */
import { type Content, contentOfBytes } from "../Content.ts"
import type { Compression } from "../compression/compress.ts"
import { imageIndex } from "./imageIndex.ts"
import { type LayerInput, type LayerOptions, makeLayer, mediaTypeOf } from "./layer.ts"
import { descriptorOf, documentOf, type Format, mediaTypes, type TestImage, type TestLayer } from "./TestImage.ts"

export interface ImageOptions {
  /** Lowest first. Default: one layer with one small file. */
  readonly layers?: ReadonlyArray<LayerInput>
  /** `os/architecture[/variant]`. Default `linux/amd64`. */
  readonly platform?: string
  /** The compression of layers that do not set their own. Default: gzip. */
  readonly compression?: Compression
  /** The level of gzip for layers that do not set their own. */
  readonly level?: number
  /** Default `oci`. */
  readonly format?: Format
  /** Laid over the config document. */
  readonly config?: Readonly<Record<string, unknown>>
  /** Laid over the manifest document. */
  readonly manifest?: Readonly<Record<string, unknown>>
  /** Whether a tag names an index of this one manifest. Default false. */
  readonly index?: boolean
  /** An index within an index; makes an index. */
  readonly nested?: boolean
  /** With BuildKit's attestation manifest beside it; makes an index. */
  readonly attestations?: boolean
}

export const image = async (options: ImageOptions = {}): Promise<TestImage> => {
  const { platform = "linux/amd64", format = "oci", index, nested, attestations } = options
  const defaults: LayerOptions = {
    ...(options.compression === undefined ? {} : { compression: options.compression }),
    ...(options.level === undefined ? {} : { level: options.level })
  }
  const made = await Promise.all(
    (options.layers ?? [{ files: { "etc/motd": "ociflow\n" } }]).map((input) => makeLayer(input, defaults))
  )
  const layers = made.map(
    ({ layer: { compression, mediaType = mediaTypeOf(compression, format), ...layer } }): TestLayer => ({
      ...layer,
      mediaType
    })
  )
  const [os = "", architecture = "", variant] = platform.split("/")
  const config = {
    created: "1970-01-01T00:00:00Z",
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    config: { Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], Cmd: ["/bin/sh"] },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map((_, i) => ({ created: "1970-01-01T00:00:00Z", created_by: `layer ${i}` })),
    ...options.config
  }
  const configDocument = documentOf(mediaTypes[format].config, config)
  const manifest = documentOf(mediaTypes[format].manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes[format].manifest,
    config: descriptorOf(configDocument),
    layers: layers.map(({ digest, mediaType, size }, i) => ({ mediaType, digest, size, ...made[i]?.descriptor })),
    ...options.manifest
  })
  const blobs = new Map<string, Content>([[configDocument.digest, contentOfBytes(configDocument.bytes)]])
  for (const { layer, blob } of made) blobs.set(layer.digest, blob)
  const { digest, mediaType, bytes } = manifest
  const single: TestImage = {
    digest,
    mediaType,
    size: bytes.length,
    documents: new Map([[digest, manifest]]),
    blobs,
    manifests: [
      {
        digest,
        mediaType,
        size: bytes.length,
        platform,
        config: { digest: configDocument.digest, size: configDocument.bytes.length, value: config },
        layers
      }
    ]
  }
  return index === true || nested === true || attestations === true
    ? imageIndex([single], { format, nested: nested === true, attestations: attestations === true })
    : single
}
