/** What cleaning up is asked for, and what it tells. Sizes are bytes on disk. */

export interface ReclaimedBlob {
  readonly digest: string
  readonly bytes: number
}

export interface Reclaimed {
  /** References that are no longer known. */
  readonly images: ReadonlyArray<string>
  /** Layers of which no image needs a tree any more, or not in that form. */
  readonly layers: ReadonlyArray<ReclaimedBlob>
  /** Downloads that were cut off and nobody continues just now. */
  readonly partials: ReadonlyArray<ReclaimedBlob>
  /** Bytes of layers in the making whose process has died. */
  readonly staging: number
  readonly bytes: number
  /**
   * Layers that no image names were left for the next time: a pull was running, which may be about to name them, or
   * somebody holds an image that is made of them.
   */
  readonly deferred: boolean
  /** What the system did not let go: the next cleaning up tries again. */
  readonly failed: ReadonlyArray<FailedRemoval>
}

export interface FailedRemoval {
  readonly path: string
  /** The system's own: `EBUSY` of a tree that something is mounted on, … */
  readonly code: string
}

/** The bytes of a blob whose download was cut off. */
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
  /** What is not as the catalogue says; with `repair`, what could not be repaired. */
  readonly faults: ReadonlyArray<Fault>
  readonly repaired: ReadonlyArray<Fault>
  /** Trees of which the store does not know what they are to look like: only that they are there. */
  readonly unknown: ReadonlyArray<UnknownTree>
}

export interface UnknownTree {
  /** Of the layer's blob, or of the manifest where layers are merged. */
  readonly digest: string
  readonly path: string
}

/** Something that is not as the catalogue says. */
export interface Fault {
  readonly reference: string
  readonly platform: string
  readonly digest: string
  readonly problem: string
  /**
   * Of a tree that was made with other options than those of who looked, who cannot repair it: the part of its name that
   * says with which, empty for the default ones.
   */
  readonly variant?: string
  /** Of a tree that is there and was changed. */
  readonly path?: string
}
