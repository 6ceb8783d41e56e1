/**
 * The events of a pull: plain values that can be written as JSON. Sizes and offsets are bytes, durations milliseconds.
 * `Verified` comes before any of a layer. The order for one layer: `LayerCached`, or `LayerWaiting`? `LayerStarted` `LayerProgress`* `LayerDone`; the last
 * event of a pull that succeeds is `Pulled`.
 */
import type { ImageConfig } from "./results/ImageConfig.ts"
import type { VerifiedSignature } from "./signatures.ts"

/** A layer of a stored image. */
export interface PulledLayer {
  /** Digest of the blob, as the manifest names it. */
  readonly digest: string
  /** Digest of the uncompressed archive, as the config names it. */
  readonly diffId: string
  readonly mediaType: string
  /** Bytes of the blob. */
  readonly size: number
  /** Absolute path of what has the layer's files: its own directory, that of the merged layers, or the disk image. */
  readonly path: string
}

/** An image that is complete in the store. */
export interface PulledImage {
  /** The full form of the reference that was pulled. */
  readonly reference: string
  /** Digest of the document that the reference names: the index, or the manifest if there is no index. */
  readonly digest: string
  readonly manifestDigest: string
  readonly configDigest: string
  /** `os/architecture[/variant]` */
  readonly platform: string
  /** Bytes of all the image's blobs: manifest, config and each layer once. */
  readonly size: number
  /** The decoded config document, which has at most `limits.documentBytes`. */
  readonly config: ImageConfig
  /** In manifest order: the lowest layer first. */
  readonly layers: ReadonlyArray<PulledLayer>
  /** In the layout `rootfs`: absolute path of the directory with all layers merged. */
  readonly rootfs?: string
  /** In the layout `erofs`: absolute path of the disk image with all layers merged. */
  readonly erofs?: string
  /** Signatures that the option `verify` asked for; absent if it asked for none. */
  readonly verified?: ReadonlyArray<VerifiedSignature>
}

/** The result of a pull. */
export interface PullResult extends PulledImage {
  /** True if the whole image was in the store and nothing was downloaded. */
  readonly cached: boolean
}

export interface Resolving {
  readonly _tag: "Resolving"
  readonly reference: string
}
export interface Resolved {
  readonly _tag: "Resolved"
  readonly reference: string
  readonly digest: string
  readonly manifestDigest: string
  readonly platform: string
  /** Bytes of all layers' blobs, each once. */
  readonly size: number
  readonly layers: ReadonlyArray<ResolvedLayer>
}
/** A layer of the image that is pulled. */
interface ResolvedLayer {
  readonly digest: string
  readonly diffId: string
  /** Bytes of the blob. */
  readonly size: number
  /** Bytes of it that an earlier pull left here, if any. */
  readonly kept?: number
}
/** A signature of the image satisfied a rule of the option `verify`. */
export interface SignatureVerified extends VerifiedSignature {
  readonly _tag: "Verified"
}
/** The layer is in the store already: nothing is downloaded for it. */
export interface LayerCached {
  readonly _tag: "LayerCached"
  readonly digest: string
  readonly path: string
}
/** Another pull, in this process or another, is working on this layer. */
export interface LayerWaiting {
  readonly _tag: "LayerWaiting"
  readonly digest: string
}
/**
 * The first bytes have come: the download begins at `offset`, which is above 0 if bytes of an earlier pull were kept, or if this pull joins a download
 * that is under way.
 */
export interface LayerStarted {
  readonly _tag: "LayerStarted"
  readonly digest: string
  readonly size: number
  readonly offset: number
  /** True while another pull of this client downloads the layer, and this one waits for it. */
  readonly shared?: boolean
}
/** Sent at most about 20 times a second for each layer. */
export interface LayerProgress {
  readonly _tag: "LayerProgress"
  readonly digest: string
  readonly size: number
  /** Bytes of the blob that arrived. */
  readonly received: number
  /** Bytes of the blob that the extraction has consumed. */
  readonly consumed: number
  /** Bytes of the uncompressed archive that were read. */
  readonly inflated: number
  /** Entries that were applied. */
  readonly entries: number
  /** True while another pull of this client downloads the layer, and this one waits for it. */
  readonly shared?: boolean
}
/** A request or a download failed and is tried again after `delay`. */
export interface Retrying {
  readonly _tag: "Retrying"
  /** Digest of the layer, if a layer's download failed. */
  readonly digest?: string
  /** Counts from 1. */
  readonly attempt: number
  readonly delay: number
  /** The reason's tag and message. */
  readonly reason: string
  readonly message: string
}
export interface LayerDone {
  readonly _tag: "LayerDone"
  readonly digest: string
  readonly diffId: string
  readonly path: string
  readonly inflated: number
  readonly entries: number
}
/** The kinds of warnings; `docs/events.md` explains each. */
export type WarningCode =
  | "AnnotationsDropped"
  | "AttributeTooLarge"
  | "AttributesDropped"
  | "AttributesRefused"
  | "AttributesUnsupported"
  | "AuthFileUnusable"
  | "AuthVariableUnusable"
  | "CatalogueDamaged"
  | "CredentialHelperFailed"
  | "DockerConfigUnusable"
  | "HostsFileUnusable"
  | "LittleSpace"
  | "MirrorFailed"
  | "MirrorUnusable"
  | "NotPartial"
  | "NotRepaired"
  | "OpaqueRoot"
  | "PlatformFallback"
  | "PlatformMismatch"
  | "RegistryWarning"
  | "StoreExposed"
  | "UnknownEntryType"
/** A problem that does not stop the pull. */
export interface Warning {
  readonly _tag: "Warning"
  readonly code: WarningCode
  readonly message: string
  readonly digest?: string
}
/** The registry's rate limit: how many more pulls it allows. Registries count images, not layers. */
export interface Quota {
  readonly _tag: "Quota"
  readonly registry: string
  readonly limit: number
  readonly remaining: number
  /** The period that `limit` is for, if the registry says so. Milliseconds. */
  readonly window?: number
}
export interface Pulled {
  readonly _tag: "Pulled"
  readonly image: PulledImage
  /** True if the whole image was in the store and nothing was downloaded. */
  readonly cached: boolean
}

export type PullEvent =
  | Resolving
  | Resolved
  | SignatureVerified
  | LayerCached
  | LayerWaiting
  | LayerStarted
  | LayerProgress
  | Retrying
  | LayerDone
  | Warning
  | Quota
  | Pulled

/** Takes the events of a pull. It must neither block nor throw. */
export type Emit = (event: PullEvent) => void
