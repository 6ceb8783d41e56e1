/** What is written to the catalogue about an image, and read from it. Sizes are bytes, times ISO 8601 in UTC. */
import type { PulledLayer } from "../../api/events.ts"
import type { ConfigJson } from "../../image/ConfigJson.ts"

/** `variant` is absent where the platform has none. */
export interface RecordedPlatform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string | undefined
}

/** A document as it was pulled; its bytes hash to its digest. */
export interface RecordedDocument {
  readonly digest: string
  readonly mediaType: string
  readonly bytes: Uint8Array
}

/** A config, with what it says. */
export interface RecordedConfig extends RecordedDocument {
  readonly value: ConfigJson
}

export interface RecordedLayer {
  readonly digest: string
  readonly diffId: string
  readonly mediaType: string
  readonly size: number
  /** The digest in its tree's name, where that was made by the layer's table of contents. */
  readonly tree?: string | undefined
}

/** An image whose layers are all published. */
export interface ImageRecord {
  /** The full reference, by which the image is found again. */
  readonly reference: string
  /** What the reference names: the index's digest, or the manifest's where there is no index. */
  readonly digest: string
  /** The platform of the manifest. */
  readonly platform: RecordedPlatform
  /** The requested platform, if it differs. The next request for it leads to this manifest. */
  readonly requested?: RecordedPlatform | undefined
  readonly index?: RecordedDocument | undefined
  readonly manifest: RecordedDocument
  readonly config: RecordedConfig
  /** In manifest order, the lowest first; a layer may be repeated. */
  readonly layers: ReadonlyArray<RecordedLayer>
}

/** One line of `ociflow images`. */
export interface ImageSummary {
  readonly reference: string
  readonly digest: string
  /** The platforms that were pulled, as `os/architecture[/variant]`. */
  readonly platforms: ReadonlyArray<string>
  /** All manifests, configs and layers, each digest once. */
  readonly size: number
  /** Distinct layers. */
  readonly layers: number
  /** When the image was built, as its config says; the latest of several platforms. */
  readonly created?: string
  readonly pulled: string
  readonly lastUsed: string
}

/** What was pulled for one platform of an image. */
export interface ManifestDetails {
  readonly platform: string
  readonly digest: string
  readonly mediaType: string
  readonly size: number
  readonly annotations: Readonly<Record<string, unknown>>
  readonly config: { readonly digest: string; readonly mediaType: string; readonly value: unknown }
  /** In manifest order, the lowest first. */
  readonly layers: ReadonlyArray<PulledLayer>
  /** In the layout `rootfs`: the directory with all layers merged. */
  readonly rootfs?: string
  /** In the layout `erofs`: the disk image. */
  readonly erofs?: string
  /** In the layout `rootfs`: the directories with a part of the image each (`only`, `strip`), whether they are there or not; in
   * the layout `erofs`, the disk images.
   */
  readonly parts?: ReadonlyArray<string>
  /** Whether every layer's directory, the merged tree, or the disk image is there. */
  readonly complete: boolean
}

/** Everything that the catalogue knows of one reference. */
export interface ImageDetails extends Omit<ImageSummary, "platforms" | "layers"> {
  readonly index?: {
    readonly digest: string
    readonly mediaType: string
    readonly annotations: Readonly<Record<string, unknown>>
  }
  readonly manifests: ReadonlyArray<ManifestDetails>
}
