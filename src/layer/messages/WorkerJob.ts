/** The jobs of an extraction worker: plain values that can be cloned. */
import type { LayoutName, Limits, OverlayAttributes, Ownership } from "../../api/config.ts"
import type { EntryHeader } from "../Entry.ts"
import type { Extraction } from "../ExtractionOptions.ts"
import type { FingerprintFacts } from "../FingerprintFacts.ts"
import type { IndexedTree, TablePlace } from "../partial/Table.ts"

/** The entries of an archive to send: the headers of all, many in a message; or the entries with these numbers, in rising order. */
export type Sent = "headers" | ReadonlyArray<number>

/** The memory that two workers share if one decompresses for the other. */
export interface DecoderMemory {
  readonly control: SharedArrayBuffer
  /** Compressed bytes. */
  readonly input: SharedArrayBuffer
  /** Decompressed bytes. */
  readonly output: SharedArrayBuffer
  /** The reason why the input cannot be decompressed. */
  readonly fault: SharedArrayBuffer
}

/** Verifies, decompresses and reads a layer. Writes its entries, or sends them back. */
export interface ExtractJob {
  readonly _tag: "Extract"
  readonly digest: string
  /** Absent if only the blob's digest is known, as for an archive in an artifact. */
  readonly diffId?: string | undefined
  readonly mediaType: string
  readonly size: number
  readonly limits: Limits
  /** The memory shared with another worker, which decompresses the blob. Default: none. */
  readonly decoder?: DecoderMemory | undefined
  /** The entries to send back. Default: all. */
  readonly send?: Sent
  /** The path of a file to create. It gets the bodies of all files, back to back in the order of the archive, without holes. */
  readonly spool?: string | undefined
  /** Absent if the entries are sent back instead of written. */
  readonly write?: {
    readonly directory: string
    /** Whether lower layers are in the directory already: see the applier. */
    readonly hasLower?: boolean | undefined
    readonly extraction: Extraction
    /** If true, the tree is synced to the disk before the job is done. */
    readonly lasting: boolean
    /** The facts that the tree's fingerprint is computed from. Absent if the tree is not finished when the job is. */
    readonly facts?: FingerprintFacts | undefined
    /**
     * The names of each entry of `send` in a tree that was merged already. The first is the entry's own; the others are hard
     * links to it. A name that looks like a whiteout is an ordinary name.
     */
    readonly names?: ReadonlyArray<ReadonlyArray<string>> | undefined
  }
}

/** Decompresses a blob for another worker. Ends when the job of the other worker ends. */
export interface DecompressJob {
  readonly _tag: "Decompress"
  readonly digest: string
  readonly decoder: DecoderMemory
}

/** Writes entries of a merged tree that need no archive. */
export interface PlaceJob {
  readonly _tag: "Place"
  /** What the tree is called by, for errors. */
  readonly digest: string
  readonly limits: Limits
  readonly headers: ReadonlyArray<EntryHeader>
  readonly write: Omit<NonNullable<ExtractJob["write"]>, "facts" | "names">
}

/** Copies ranges of a file to their places in another file. */
export interface CopyRangesJob {
  readonly _tag: "CopyRanges"
  /** The digest that errors name. */
  readonly digest: string
  /** Absolute paths. `into` exists, and has its final size. */
  readonly from: string
  readonly into: string
  /** Three numbers for each range, in bytes: its start in `from`, its length, and its start in `into`. Reading is fast if the starts rise. */
  readonly ranges: Float64Array
  /** The block size of `into`, in bytes. Each range has its blocks to itself; the rest of its last block becomes zeros. */
  readonly block: number
}

/** Computes the fingerprint of a tree on disk. */
export interface FingerprintJob {
  readonly _tag: "Fingerprint"
  /** What the tree is called by, for errors. */
  readonly digest: string
  readonly tree: { readonly directory: string; readonly facts: FingerprintFacts }
}

/** A question about trees. `path` and the components of `only` are binary strings. */
export interface StoredQuestion {
  /** `tree`: all entries. `file`: one file. `list`: the content of a directory. */
  readonly what: "tree" | "file" | "list"
  readonly path?: string
  readonly only?: ReadonlyArray<ReadonlyArray<string>> | undefined
  readonly strip?: number
  /** If true, the root of a tree comes first, with an empty path. */
  readonly withRoot?: boolean
}

/** Extracted layers, the highest first, or one merged tree. In the layout `erofs`, a disk image instead of directories. */
export interface StoredLayers {
  readonly directories: ReadonlyArray<string>
  readonly layout: LayoutName
  readonly ownership: Ownership
  readonly overlayAttributes: OverlayAttributes
}

/** Reads entries of trees on disk. */
export interface ReadStoredJob {
  readonly _tag: "ReadStored"
  /** What the tree is called by, for errors. */
  readonly digest: string
  readonly stored: StoredLayers & {
    /** The digests of the layers, in the order of `directories`. */
    readonly digests: ReadonlyArray<string>
    readonly question: StoredQuestion
  }
  /** The directory to write them to, root included. If absent, they are sent back. */
  readonly copy?: {
    readonly limits: Limits
    readonly write: PlaceJob["write"]
  }
}

/** A header of a stored tree, with the digest of its layer. The digest is empty if the layers were merged. */
export interface StoredHeader extends EntryHeader {
  readonly layer: string
}

/** Extracts a layer by its table. Gets the bytes of the table, then those of the ranges in `Planned`. */
export interface PartialJob {
  readonly _tag: "ExtractPartial"
  readonly digest: string
  /** Bytes of the blob. */
  readonly size: number
  readonly limits: Limits
  readonly table: TablePlace
  /** The trees to copy files from. */
  readonly stored: ReadonlyArray<IndexedTree>
  /** Digests of files to download, even if the indexes have them. */
  readonly without: ReadonlyArray<string>
  /** The path of a file to create: the index of the tree. */
  readonly index: string
  readonly write: Omit<NonNullable<ExtractJob["write"]>, "names">
}

/** Reads a layer by its table. Gets the bytes of the table, then those of the ranges in `Planned`. */
export interface TableJob {
  readonly _tag: "ReadTable"
  readonly digest: string
  /** Bytes of the blob. */
  readonly size: number
  readonly limits: Limits
  readonly table: TablePlace
  /** The number of the file to send. If absent, the headers of all entries are sent. */
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
