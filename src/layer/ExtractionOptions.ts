/** How layers are written to disk. */
import type { Ownership, StatFormat } from "../api/config.ts"
import type { Layout } from "./layout/Layout.ts"
import { type LayoutName, layouts } from "./layout/layouts.ts"
import type { OverlayAttributes } from "./layout/overlay.ts"

export interface Extraction {
  /** Default `xattr`. */
  readonly ownership: Ownership
  /** The format of the attribute, for the ownership `xattr`. Default: `seed`. */
  readonly statFormat: StatFormat
  /** Default `layers`. */
  readonly layout: LayoutName
  /** Whose attributes the mount reads, for the layout `overlay`. Default: `trusted` for root, else `user`. */
  readonly overlayAttributes: OverlayAttributes
}

/** Each field may be left out, or be undefined. */
export type ExtractionOptions = { readonly [K in keyof Extraction]?: Extraction[K] | undefined }

/** Every default filled in, and nothing else that `options` may hold. */
export const extractionOf = (options: ExtractionOptions): Extraction => ({
  ownership: options.ownership ?? "xattr",
  statFormat: options.statFormat ?? "seed",
  layout: options.layout ?? "layers",
  overlayAttributes: options.overlayAttributes ?? (process.geteuid?.() === 0 ? "trusted" : "user")
})

/**
 * What is part of a tree's name, so that no tree made with other options is taken for it: empty for the defaults. What
 * has no effect (`statFormat` where owners are real) has no name either.
 */
export const variantOf = (extraction: Extraction): string => {
  const { ownership, statFormat, layout } = extraction
  const made: Layout<Extraction> = layouts[layout]
  const owners = ownership === "xattr" ? (statFormat === "seed" ? [] : [statFormat]) : [ownership]
  return [...(made.isFile === true ? [] : owners), ...made.variant(extraction)].join("-")
}
