/** What the event loop and an extraction worker say to each other: plain values that can be cloned. */
import { isError } from "../api/codeOf.ts"
import type { LayoutName, Limits, OverlayAttributes, Ownership } from "../api/config.ts"
import { isReason, type Reason, reasons, WorkerDied } from "../api/errors.ts"
import type { Warning } from "../api/events.ts"
import type { EntryHeader } from "./Entry.ts"
import type { Extraction } from "./ExtractionOptions.ts"
import type { FingerprintFacts } from "./FingerprintFacts.ts"
import type { PackedHeaders } from "./packHeaders.ts"
import type { IndexedTree, PartialPlan, TablePlace } from "./partial/Table.ts"
import type { RingMemory } from "./Ring.ts"

/** What a worker is started with. */
export interface WorkerData {
  readonly ring: RingMemory
  /** The process has V8's collector exposed, but perhaps for its first thread alone. */
  readonly exposesGc: boolean
}

/** Of an archive's entries: all without their bodies, many in a message, or those of these numbers, in rising order. */
export type Sent = "headers" | ReadonlyArray<number>

/** What two workers share, of which one decompresses for the other. */
export interface DecoderMemory {
  readonly control: SharedArrayBuffer
  /** Compressed bytes. */
  readonly input: SharedArrayBuffer
  /** What they decompress to. */
  readonly output: SharedArrayBuffer
  /** Why they cannot be decompressed. */
  readonly fault: SharedArrayBuffer
}

export interface Job {
  readonly digest: string
  /** Absent where only the blob's digest is known: of the archive in an artifact. */
  readonly diffId?: string | undefined
  readonly mediaType: string
  readonly size: number
  readonly limits: Limits
  /** Another worker, which decompresses the blob. Default: none. */
  readonly decoder?: DecoderMemory | undefined
  /** What is sent back. Default: all entries. */
  readonly send?: Sent
  /** A file that is made: the bodies of all files are written there, back to back in the order of the archive, without holes. */
  readonly spool?: string | undefined
  /** Absent where the entries are sent back in place of being written. */
  readonly write?: {
    readonly directory: string
    /** Of the applier. */
    readonly hasLower?: boolean | undefined
    readonly extraction: Extraction
    /** The tree is on the disk before the job is done. */
    readonly lasting: boolean
    /** What the tree's fingerprint is taken of; absent where the tree is not finished when the job is. */
    readonly facts?: FingerprintFacts | undefined
    /**
     * Of each entry of `send`: its names in a tree that was merged already, the first one its own, the others hard links
     * to it. A name that looks like a whiteout is an ordinary name.
     */
    readonly names?: ReadonlyArray<ReadonlyArray<string>> | undefined
  }
}

/** Decompression of a blob for another worker, in place of an archive's entries. It ends when the other one's job does. */
export interface DecodeJob {
  readonly digest: string
  readonly decoder: DecoderMemory
}

/** Entries of a merged tree that need no archive, in place of an archive's. */
export interface PlaceJob {
  /** What the tree is called by, for errors. */
  readonly digest: string
  readonly limits: Limits
  readonly headers: ReadonlyArray<EntryHeader>
  readonly write: Omit<NonNullable<Job["write"]>, "facts" | "names">
}

/** Ranges of a file that go to their places in another one, in place of an archive's entries. */
export interface CopyRangesJob {
  /** What they belong to, for errors. */
  readonly digest: string
  /** Absolute paths. `into` is there, and as large as it is to be. */
  readonly from: string
  readonly into: string
  /** Three numbers of each, in bytes: where it begins, its length, and its place. Reading is fast where the first ones rise. */
  readonly ranges: Float64Array
  /** Places are in blocks of so many bytes. What a range leaves of its last block is nobody else's, and becomes zeros. */
  readonly block: number
}

/** A look at a tree that is there, in place of a job. */
export interface FingerprintJob {
  /** What the tree is called by, for errors. */
  readonly digest: string
  readonly tree: { readonly directory: string; readonly facts: FingerprintFacts }
}

/** What is asked of trees: `path` and the components of `only` are binary strings. */
export interface StoredQuestion {
  /** All entries, or one file, or what is in a directory. */
  readonly what: "tree" | "file" | "list"
  readonly path?: string
  readonly only?: ReadonlyArray<ReadonlyArray<string>> | undefined
  readonly strip?: number
  /** Of a tree: its root comes first, with an empty path. */
  readonly withRoot?: boolean
}

/** Extracted layers, the highest first, or one merged tree; in the layout `erofs`, a disk image in place of directories. */
export interface StoredLayers {
  readonly directories: ReadonlyArray<string>
  readonly layout: LayoutName
  readonly ownership: Ownership
  readonly overlayAttributes: OverlayAttributes
}

/** Entries of trees that are there, in place of those of an archive. */
export interface StoredTreeJob {
  /** What the tree is called by, for errors. */
  readonly digest: string
  readonly stored: StoredLayers & {
    /** Of the layers, as the directories. */
    readonly digests: ReadonlyArray<string>
    readonly question: StoredQuestion
  }
  /** Where they are written, root and all, in place of being sent back. */
  readonly copy?: {
    readonly limits: Limits
    readonly write: PlaceJob["write"]
  }
}

/** A header of a stored tree, with the digest of its layer; empty where layers were merged. */
export interface StoredHeader extends EntryHeader {
  readonly layer: string
}

/** A layer that is extracted by its table: its bytes, and afterwards those of the ranges that `Planned` tells of. */
export interface PartialJob {
  readonly digest: string
  /** Bytes of the blob. */
  readonly size: number
  readonly limits: Limits
  readonly table: TablePlace
  /** Trees whose files are used. */
  readonly stored: ReadonlyArray<IndexedTree>
  /** Contents that are fetched, whatever the indexes say. */
  readonly without: ReadonlyArray<string>
  /** A file that is made: the index of the tree. */
  readonly index: string
  readonly write: Omit<NonNullable<Job["write"]>, "names">
}

/** A layer that is read by its table, in place of its archive: its bytes, and then those of the ranges that `Planned` tells of. */
export interface TableJob {
  readonly digest: string
  /** Bytes of the blob. */
  readonly size: number
  readonly limits: Limits
  readonly table: TablePlace
  /** The file of this number is sent. Default: the headers of all entries. */
  readonly wanted: number | undefined
}

export type WorkerJob =
  | Job
  | PartialJob
  | TableJob
  | DecodeJob
  | PlaceJob
  | CopyRangesJob
  | FingerprintJob
  | StoredTreeJob

/** What a worker is told: one job at a time, or to end. */
export type WorkerCommand = WorkerJob | "end"

export interface Counts {
  /** Bytes of the blob that were consumed. */
  readonly consumed: number
  /** Bytes of the archive. */
  readonly inflated: number
  readonly entries: number
}

/** Fields of a reason, without what its class adds. */
export interface PackedReason {
  readonly tag: string
  readonly fields: Readonly<Record<string, unknown>>
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

/** Each job is ended by exactly one of `Done`, `Failed` and `Stopped`; then the worker is free. */
export type Message =
  | EntryMessage
  | HeadersMessage
  | PartialMessage
  | { readonly _tag: "Drained" }
  | { readonly _tag: "Progress"; readonly counts: Counts }
  | Warning
  | { readonly _tag: "Done"; readonly counts: Counts; readonly fingerprint?: string | undefined }
  | { readonly _tag: "Failed"; readonly reason: PackedReason }
  | { readonly _tag: "Stopped" }

/** What an object of a message takes beside the bytes in it. */
const overhead = { message: 512, attribute: 256, segment: 64 }

/** Bytes that a header counts for, the object that it is not among them. */
export const weightOfHeader = ({ path, linkPath, xattrs, sparse = [] }: EntryHeader): number => {
  let bytes = path.length + linkPath.length + sparse.length * overhead.segment
  for (const [name, value] of xattrs) bytes += overhead.attribute + name.length + value.length
  return bytes
}

/** Bytes of credit that a message takes: the same on both sides. A small blob can hold large headers, many of them. */
export const weight = (message: EntryMessage): number => {
  switch (message._tag) {
    case "Entry":
      return overhead.message + weightOfHeader(message.header) + (message.body?.length ?? 0)
    case "Begin":
      return overhead.message + weightOfHeader(message.header)
    case "Data":
      return overhead.message + message.chunk.length
    case "End":
      return overhead.message
  }
}

const added = new Set(["_tag", "name", "message", "stack", "isRetryable"])

const cloneable = (value: unknown): unknown =>
  isError(value) ? new Error(value.message) : typeof value === "function" ? undefined : value

export const packReason = (error: unknown, digest: string): PackedReason => {
  if (!isReason(error)) {
    const problem = isError(error) ? (error.stack ?? error.message) : String(error)
    return { tag: "WorkerDied", fields: { digest, problem } }
  }
  const fields = Object.getOwnPropertyNames(error).filter((key) => !added.has(key))
  return {
    tag: error._tag,
    fields: Object.fromEntries(fields.map((key) => [key, cloneable(Reflect.get(error, key))]))
  }
}

export const unpackReason = ({ tag, fields }: PackedReason): Reason => {
  const Made = Object.hasOwn(reasons, tag) ? reasons[tag as keyof typeof reasons] : WorkerDied
  return new (Made as unknown as new (fields: unknown) => Reason)(fields)
}
