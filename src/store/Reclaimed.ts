/** What cleaning up is asked for, and what it tells. Sizes are bytes on disk. */

export interface PruneOptions {
  /** Tells what would go, and removes nothing. */
  readonly dryRun?: boolean | undefined
  /** Removes images that were not used for so many milliseconds, and partial blobs not written to for as long. */
  readonly unusedFor?: number | undefined
  /** Removes the images that were unused longest until the layers of all others occupy no more than this. */
  readonly keepBytes?: number | undefined
}

export interface ReclaimedBlob {
  readonly digest: string
  readonly bytes: number
}

export interface Reclaimed {
  /** References that are no longer known. */
  readonly images: ReadonlyArray<string>
  /** Layers that no image names any more. */
  readonly layers: ReadonlyArray<ReclaimedBlob>
  /** Downloads that were cut off and nobody continues just now. */
  readonly partials: ReadonlyArray<ReclaimedBlob>
  readonly bytes: number
  /** A pull was running: layers that no image names were left for the next time, since it may be about to name them. */
  readonly deferred: boolean
}

export interface Usage {
  readonly images: number
  readonly layers: { readonly count: number; readonly bytes: number }
  /** Layers that no image names: what `prune` would remove at once. */
  readonly orphans: { readonly count: number; readonly bytes: number }
  readonly partials: { readonly count: number; readonly bytes: number }
  /** Layers in the making, or left by a crash. */
  readonly staging: number
  /** Catalogue and documents. */
  readonly catalogue: number
}

/** Something that is not as the catalogue says. */
export interface Fault {
  readonly reference: string
  readonly platform: string
  readonly digest: string
  readonly problem: string
}
