/** The options and results of cleaning up, measuring and verifying. Sizes are bytes on disk. */

export interface ReclaimedBlob {
  readonly digest: string
  readonly bytes: number
}

export interface Reclaimed {
  /** References that are no longer known. */
  readonly images: ReadonlyArray<string>
  /** Layers with a tree that no image needs any more. */
  readonly layers: ReadonlyArray<ReclaimedBlob>
  /** Interrupted downloads that nobody is continuing. */
  readonly partials: ReadonlyArray<ReclaimedBlob>
  /** Bytes of unfinished layers whose process has died. */
  readonly staging: number
  readonly bytes: number
  /**
   * Unneeded layers were left for the next time: a pull was running, which may be about to need them, or somebody holds
   * an image that contains them.
   */
  readonly deferred: boolean
  /** What the system refused to remove; the next clean-up tries again. */
  readonly failed: ReadonlyArray<FailedRemoval>
}

export interface FailedRemoval {
  readonly path: string
  /** The system's own: `EBUSY` of a tree that something is mounted on, … */
  readonly code: string
}

/** The kept bytes of an interrupted download. */
export interface KeptBlob extends ReclaimedBlob {
  /** When bytes last arrived; ISO 8601 in UTC. */
  readonly modified: string
}

export interface ImageUsage {
  readonly reference: string
  readonly bytes: number
  /** What its removal would give back: layers that no other image needs. */
  readonly own: number
}

export interface Usage {
  readonly images: number
  readonly layers: { readonly count: number; readonly bytes: number }
  /** Layers that no image names: what `prune` would remove at once. */
  readonly orphans: { readonly count: number; readonly bytes: number }
  readonly partials: { readonly count: number; readonly bytes: number; readonly blobs: ReadonlyArray<KeptBlob> }
  /** What each image's layers occupy. Layers that several images need count for each of them. */
  readonly byImage: ReadonlyArray<ImageUsage>
  /** Layers in the making, or left by a crash. */
  readonly staging: number
  /** Catalogue and documents. */
  readonly catalogue: number
}

export interface Verified {
  /** Differences from the catalogue; with `repair`, those that could not be repaired. */
  readonly faults: ReadonlyArray<Fault>
  readonly repaired: ReadonlyArray<Fault>
  /** Trees without a fingerprint: only their existence was checked. */
  readonly unknown: ReadonlyArray<UnknownTree>
  /** Trees that were proven by their layers' tables of contents, and not by a diffID (`partial`). Absent where there are none. */
  readonly byTable?: ReadonlyArray<TableTree>
}

export interface TableTree extends UnknownTree {
  /** The table's digest. */
  readonly table: string
}

export interface UnknownTree {
  /** In the tree's name: of the layer's blob, of the manifest where layers are merged, or one that stands for a table of contents. */
  readonly digest: string
  readonly path: string
}

/** A difference between the store and its catalogue. */
export interface Fault {
  readonly reference: string
  readonly platform: string
  readonly digest: string
  readonly problem: string
  /**
   * For a tree made with other options than the caller's, which the caller cannot repair: the part of its name that
   * stands for those options, empty for the defaults.
   */
  readonly variant?: string
  /** Path of the tree, if it exists and was changed. */
  readonly path?: string
}
