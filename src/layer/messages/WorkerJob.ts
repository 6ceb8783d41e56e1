/** What the event loop gives an extraction worker to do: plain values that can be cloned. */
import type { LayoutName, Limits, OverlayAttributes, Ownership } from "../../api/config.ts"
import type { EntryHeader } from "../Entry.ts"
import type { Extraction } from "../ExtractionOptions.ts"
import type { FingerprintFacts } from "../FingerprintFacts.ts"
import type { IndexedTree, TablePlace } from "../partial/Table.ts"

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

/** A layer: verified, decompressed and read; written, or sent back. */
export interface ExtractJob {
  readonly _tag: "Extract"
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
export interface DecompressJob {
  readonly _tag: "Decompress"
  readonly digest: string
  readonly decoder: DecoderMemory
}

/** Entries of a merged tree that need no archive, in place of an archive's. */
export interface PlaceJob {
  readonly _tag: "Place"
  /** What the tree is called by, for errors. */
  readonly digest: string
  readonly limits: Limits
  readonly headers: ReadonlyArray<EntryHeader>
  readonly write: Omit<NonNullable<ExtractJob["write"]>, "facts" | "names">
}

/** Ranges of a file that go to their places in another one, in place of an archive's entries. */
export interface CopyRangesJob {
  readonly _tag: "CopyRanges"
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
  readonly _tag: "Fingerprint"
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
export interface ReadStoredJob {
  readonly _tag: "ReadStored"
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
  readonly _tag: "ExtractPartial"
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
  readonly write: Omit<NonNullable<ExtractJob["write"]>, "names">
}

/** A layer that is read by its table, in place of its archive: its bytes, and then those of the ranges that `Planned` tells of. */
export interface TableJob {
  readonly _tag: "ReadTable"
  readonly digest: string
  /** Bytes of the blob. */
  readonly size: number
  readonly limits: Limits
  readonly table: TablePlace
  /** The file of this number is sent. Default: the headers of all entries. */
  readonly wanted: number | undefined
}

export type WorkerJob =
  | ExtractJob
  | PartialJob
  | TableJob
  | DecompressJob
  | PlaceJob
  | CopyRangesJob
  | FingerprintJob
  | ReadStoredJob
