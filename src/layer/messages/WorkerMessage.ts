/** What an extraction worker is started with and told, and what it tells: plain values that can be cloned. */
import type { Warning } from "../../api/events.ts"
import type { EntryHeader } from "../Entry.ts"
import type { PackedHeaders } from "../packHeaders.ts"
import type { PartialPlan } from "../partial/Table.ts"
import type { RingMemory } from "../Ring.ts"
import type { PackedReason } from "./packReason.ts"
import type { WorkerJob } from "./WorkerJob.ts"

/** What a worker is started with. */
export interface WorkerData {
  readonly ring: RingMemory
  /** The process has V8's collector exposed, but perhaps for its first thread alone. */
  readonly exposesGc: boolean
}

/** What a worker is told: one job at a time, or to end. */
export type WorkerCommand = WorkerJob | "end"

export interface Counts {
  /** Bytes of the blob that were consumed. */
  readonly consumed: number
  /** Bytes of the archive. */
  readonly inflated: number
  readonly entries: number
}

export type EntryMessage =
  | { readonly _tag: "Entry"; readonly header: EntryHeader; readonly body?: Uint8Array }
  | { readonly _tag: "Begin"; readonly header: EntryHeader }
  | { readonly _tag: "Data"; readonly chunk: Uint8Array }
  | { readonly _tag: "End" }

/** What is sent in place of entries where their headers alone are wanted. */
export interface HeadersMessage {
  readonly _tag: "Headers"
  readonly headers: PackedHeaders
  /** Bytes of credit that it takes. */
  readonly weight: number
}

/** `Planned` waits for the answer to the question 1. After `Changed`, files of the store are not what they were: it stops. */
export type PartialMessage =
  | { readonly _tag: "Planned"; readonly plan: PartialPlan }
  | { readonly _tag: "Changed"; readonly digests: ReadonlyArray<string> }

export interface Done {
  readonly _tag: "Done"
  readonly counts: Counts
  /** Of the tree, where it is finished. */
  readonly fingerprint?: string | undefined
}

/** Each job is ended by exactly one of `Done`, `Failed` and `Stopped`; then the worker is free. */
export type Message =
  | EntryMessage
  | HeadersMessage
  | PartialMessage
  | { readonly _tag: "Drained" }
  | { readonly _tag: "Progress"; readonly counts: Counts }
  | Warning
  | Done
  | { readonly _tag: "Failed"; readonly reason: PackedReason }
  | { readonly _tag: "Stopped" }
