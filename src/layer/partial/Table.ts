/**
 * A table of contents in a layer: an entry for each of the archive's, and where the bytes of each file are in the blob.
 * `zstd:chunked` is containers/storage's form, `estargz` that of stargz-snapshotter. A manifest's annotation has the
 * table's digest.
 */
export type TableForm = "zstd:chunked" | "estargz"

export interface TablePlace {
  readonly form: TableForm
  /** The digest of the table: for zstd:chunked, of its compressed bytes; for eStargz, of its JSON. */
  readonly digest: string
  /** Where it is in the blob. Bytes. */
  readonly offset: number
  readonly length: number
}

/** The bytes of a blob from one position up to another, which is not among them. */
export interface Range {
  readonly from: number
  readonly to: number
}

/** A tree in the store whose files are known by digest. Absolute paths. */
export interface IndexedTree {
  readonly index: string
  readonly directory: string
}

/** What a pull of a part of a layer comes to. */
export interface PartialPlan {
  /** What has to be fetched, in rising order, without overlaps. Two numbers of each: `from` and `to`. */
  readonly ranges: Float64Array
  /** Files that the store has. */
  readonly reused: number
  /** Bytes of their content. */
  readonly reusedBytes: number
}
