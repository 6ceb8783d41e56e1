/**
 * What a user interface shows of a pull: plain values that survive JSON, `structuredClone` and `postMessage`. Sizes are
 * bytes, durations milliseconds, speeds bytes a second, moments milliseconds since 1970.
 */
import type { PulledImage, Quota, Warning } from "../api/events.ts"

/** A request or a download failed and is tried again. */
export interface RetryView {
  /** Counts from 1. */
  readonly attempt: number
  /** The moment when it is tried again. */
  readonly at: number
  /** The reason's tag and message. */
  readonly reason: string
  readonly message: string
}

/**
 * `queued`: waits for its turn. `waiting`: another pull is working on it; if it is a pull of this client, the bytes that it
 * receives count here too. `downloading`: bytes arrive and are extracted as they come. `extracting`: all bytes have arrived.
 * `retrying`: waits for the next attempt. `cached`: was in the store.
 */
export type LayerPhase = "queued" | "waiting" | "downloading" | "extracting" | "retrying" | "cached" | "done"

export interface LayerView {
  readonly digest: string
  /** Bytes of the blob. */
  readonly size: number
  readonly phase: LayerPhase
  /** Bytes of the blob that are here, those kept from an earlier pull among them. */
  readonly received: number
  /** Bytes of the blob that have been extracted. */
  readonly extracted: number
  /** Entries that have been extracted. */
  readonly entries: number
  /** Until bytes flow again. */
  readonly retry?: RetryView
}

/** A `PullError` as JSON has it. Another error has a message alone. */
export interface ErrorView {
  readonly message: string
  readonly advice?: string
  readonly isRetryable?: boolean
  readonly reason?: { readonly _tag: string; readonly [field: string]: unknown }
}

export interface PullView {
  /** Empty until the pull says which image it pulls. */
  readonly reference: string
  readonly phase: "resolving" | "pulling" | "done" | "failed"
  readonly digest?: string
  readonly platform?: string
  /** Bytes of all layers, cached ones too: known before the first byte of a layer arrives. 0 while the image is resolved. */
  readonly total: number
  /** The bytes of `total` that have arrived. */
  readonly received: number
  /** The bytes of `total` that have been extracted. */
  readonly extracted: number
  /** From 0 to 1; never falls, and is 1 only when the image is complete. Downloading and extracting are half of it each. */
  readonly fraction: number
  /**
   * Bytes of layers that were downloaded during this pull, by it or by another pull of this client that it waits for; less than
   * `received` where bytes were here before.
   */
  readonly downloaded: number
  /** Bytes a second that arrived within the last five seconds. What was kept from an earlier pull does not count. */
  readonly speed: number
  /** Milliseconds that are left at the present speed, if that is known. */
  readonly remaining?: number
  /** Milliseconds since the first event. */
  readonly elapsed: number
  /** In manifest order, each once; empty until the image is resolved. */
  readonly layers: ReadonlyArray<LayerView>
  /** While the image is resolved: a request that is tried again. */
  readonly retry?: RetryView
  readonly quota?: Omit<Quota, "_tag">
  /** The first hundred. */
  readonly warnings: ReadonlyArray<Omit<Warning, "_tag">>
  /** The image, once the pull is done. */
  readonly image?: PulledImage
  /** True if the whole image was in the store. */
  readonly cached: boolean
  /** The error, if the pull failed. */
  readonly error?: ErrorView
}
