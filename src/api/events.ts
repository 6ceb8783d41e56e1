/**
 * What a pull tells while it goes: plain values, JSON as they are. Sizes and offsets are bytes, durations milliseconds.
 * The order for one layer: `LayerCached`, or `LayerWaiting`? `LayerStarted` `LayerProgress`* `LayerDone`; the last
 * event of a pull that succeeds is `Pulled`.
 */
import type { ImageConfig } from "./ImageConfig.ts"

/** Where a layer of an image stands on disk. */
export interface PulledLayer {
  /** Digest of the blob, as the manifest names it. */
  readonly digest: string
  /** Digest of the uncompressed archive, as the config names it. */
  readonly diffId: string
  readonly mediaType: string
  /** Bytes of the blob. */
  readonly size: number
  /** Absolute path of the directory with the layer's files: its own, or the one where all layers are merged. */
  readonly path: string
}

/** An image that is complete in the store. */
export interface PulledImage {
  /** The reference that was asked for, in full. */
  readonly reference: string
  /** What the reference named: the index's digest, or the manifest's where there is no index. */
  readonly digest: string
  readonly manifestDigest: string
  readonly configDigest: string
  /** `os/architecture[/variant]` */
  readonly platform: string
  /** Bytes of all the image's blobs: manifest, config and each layer once. */
  readonly size: number
  /** Of a document of at most `limits.documentBytes`. */
  readonly config: ImageConfig
  /** In manifest order: the lowest layer first. */
  readonly layers: ReadonlyArray<PulledLayer>
  /** In the layout `rootfs`: absolute path of the directory with all layers merged. */
  readonly rootfs?: string
}

/** What a pull comes to. */
export interface PullResult extends PulledImage {
  /** True if the store had all of it and nothing was downloaded. */
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
  readonly layers: ReadonlyArray<{ readonly digest: string; readonly diffId: string; readonly size: number }>
}
/** The layer is on disk already: nothing is fetched for it. */
export interface LayerCached {
  readonly _tag: "LayerCached"
  readonly digest: string
  readonly path: string
}
/** Another pull, in this process or another, has this layer in hand. */
export interface LayerWaiting {
  readonly _tag: "LayerWaiting"
  readonly digest: string
}
/** The download begins at `offset`; above 0 when kept bytes of an earlier pull are continued. */
export interface LayerStarted {
  readonly _tag: "LayerStarted"
  readonly digest: string
  readonly size: number
  readonly offset: number
}
/** At most some 20 a second for each layer. */
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
}
/** A request or a body failed and is tried again after `delay`. */
export interface Retrying {
  readonly _tag: "Retrying"
  /** The layer, where it is a layer's body. */
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
/** What a pull can live with; `docs/events.md` says what each one means. */
export type WarningCode =
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
  | "NotRepaired"
  | "OpaqueRoot"
  | "PlatformFallback"
  | "PlatformMismatch"
  | "RegistryWarning"
  | "StoreExposed"
  | "UnknownEntryType"
/** Something that does not stop the pull and should be known. */
export interface Warning {
  readonly _tag: "Warning"
  readonly code: WarningCode
  readonly message: string
  readonly digest?: string
}
/** What a registry says of how much more it may be asked; it counts images, not layers. */
export interface Quota {
  readonly _tag: "Quota"
  readonly registry: string
  readonly limit: number
  readonly remaining: number
  /** Milliseconds in which `limit` may be asked for, where the registry tells. */
  readonly window?: number
}
export interface Pulled {
  readonly _tag: "Pulled"
  readonly image: PulledImage
  /** True where the store had all of it and nothing was fetched. */
  readonly cached: boolean
}

export type PullEvent =
  | Resolving
  | Resolved
  | LayerCached
  | LayerWaiting
  | LayerStarted
  | LayerProgress
  | Retrying
  | LayerDone
  | Warning
  | Quota
  | Pulled

/** Where a pull's stages put their events; it never blocks and never fails. */
export type Emit = (event: PullEvent) => void
