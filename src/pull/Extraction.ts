/** How layers are written to disk, every default filled in. */
import type { LayoutName, OverlayAttributes, Ownership, PullerOptions, StatFormat } from "../api/config.ts"

export interface Extraction {
  readonly ownership: Ownership
  readonly statFormat: StatFormat
  readonly layout: LayoutName
  readonly overlayAttributes: OverlayAttributes
}

export const extractionOf = (options: PullerOptions): Extraction => ({
  ownership: options.ownership ?? "xattr",
  statFormat: options.statFormat ?? "seed",
  layout: options.layout ?? "layers",
  overlayAttributes: options.overlayAttributes ?? (process.geteuid?.() === 0 ? "trusted" : "user")
})

/**
 * What is part of a tree's name, so that no tree made with other options is taken for it: empty for the defaults. What
 * has no effect (`statFormat` where owners are real) has no name either.
 */
export const variantOf = ({ ownership, statFormat, layout, overlayAttributes }: Extraction): string => {
  const owners = ownership === "xattr" ? (statFormat === "seed" ? [] : [statFormat]) : [ownership]
  const whiteouts = layout === "overlay" ? ["overlay", overlayAttributes] : []
  return [...owners, ...whiteouts].join("-")
}
