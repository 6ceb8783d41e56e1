/** The messages between the event loop and an extraction worker: plain values that can be cloned. */
import type { Warning } from "../../api/events.ts"
import type { EntryHeader } from "../Entry.ts"
import type { PackedHeaders } from "../packHeaders.ts"
import type { PartialPlan } from "../partial/Table.ts"
import type { RingMemory } from "../Ring.ts"
import type { PackedReason } from "./packReason.ts"
import type { WorkerJob } from "./WorkerJob.ts"

/** The data that a worker is started with. */
export interface WorkerData {
  readonly ring: RingMemory
  /** The process exposes V8's garbage collector, but maybe only in its first thread. */
  readonly exposesGc: boolean
}

/** A command to a worker: a job, one at a time, or to end. */
export type WorkerCommand = WorkerJob | "end"

export interface Counts {
  /** Bytes of the blob consumed so far. */
  readonly consumed: number
  /** Bytes of the archive read so far. */
  readonly inflated: number
  readonly entries: number
}

export type EntryMessage =
  | { readonly _tag: "Entry"; readonly header: EntryHeader; readonly body?: Uint8Array }
  | { readonly _tag: "Begin"; readonly header: EntryHeader }
  | { readonly _tag: "Data"; readonly chunk: Uint8Array }
  | { readonly _tag: "End" }

/** Sent instead of entries if only the headers are wanted. */
export interface HeadersMessage {
  readonly _tag: "Headers"
  readonly headers: PackedHeaders
  /** Bytes of credit that it takes. */
  readonly weight: number
}

/** After `Planned`, the worker waits for the answer to question 1. `Changed` says that files of the store have changed; the worker stops. */
export type PartialMessage =
  | { readonly _tag: "Planned"; readonly plan: PartialPlan }
  | { readonly _tag: "Changed"; readonly digests: ReadonlyArray<string> }

export interface Done {
  readonly _tag: "Done"
  readonly counts: Counts
  /** The tree's fingerprint, if the tree is finished. */
  readonly fingerprint?: string | undefined
}

/** Each job ends with exactly one of `Done`, `Failed` and `Stopped`. Then the worker is free. */
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
