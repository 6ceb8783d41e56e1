/** What the pool can be asked for: a layer, a tree, and what is known of it. */
import type { EntryHeader } from "../Entry.ts"
import type { ArchiveEntry } from "../EntryCursor.ts"
import type { Extraction, ExtractionOptions } from "../ExtractionOptions.ts"
import type { ReadStoredJob, StoredHeader } from "../messages/WorkerJob.ts"

export interface LayerJob {
  readonly digest: string
  /** Absent where only the blob's digest is known: of the archive in an artifact. */
  readonly diffId?: string | undefined
  readonly mediaType: string
  /** Bytes of the blob. */
  readonly size: number
  /** Where the layer is written: exists and is empty. */
  readonly directory: string
  /** How it is written. Default: as the pool's options say. */
  readonly extraction?: Extraction | undefined
  /** Layers of the image were written there before, of which one may have left nothing but the root's own attributes. Default: it is not empty. */
  readonly hasLower?: boolean | undefined
  /**
   * Only the entries of these numbers, in rising order, of a tree that was merged already: with their names there, of which
   * those after the first are hard links. `directory` may hold other entries of the tree. Default: all entries, under their own names.
   */
  readonly parts?: ReadonlyMap<number, ReadonlyArray<string>> | undefined
}

/** Entries of a merged tree that have no body. */
export interface MergedEntries {
  /** What the tree is called by, for errors. */
  readonly digest: string
  /** Where they are written, beside others of the tree. */
  readonly directory: string
  /** Each after the directory that it is in, and a hard link after its target. */
  readonly headers: ReadonlyArray<EntryHeader>
  /** How they are written. Default: as the pool's options say. */
  readonly extraction?: Extraction | undefined
}

/** A tree that is to be copied. */
export interface CopiedTree {
  /** What the tree is called by, for errors. */
  readonly digest: string
  readonly tree: Omit<StoredTree, "question">
  /** Where it is written: exists and is empty. */
  readonly directory: string
  readonly extraction: Extraction
}

export interface FinishedTree {
  /** What the tree is called by, for errors. */
  readonly digest: string
  readonly directory: string
  /** A fingerprint that the new one is to be compared with. */
  readonly like?: string | undefined
}

/** Trees of this pool's options, unless it says otherwise. */
export type StoredTree = Pick<ReadStoredJob["stored"], "directories" | "digests" | "question"> & ExtractionOptions

/** An entry of a tree that is on disk. */
export interface StoredEntry extends ArchiveEntry {
  readonly header: StoredHeader
}
