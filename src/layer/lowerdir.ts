/**
 * The value of overlayfs' mount option `lowerdir` for extracted layers, `layers` in manifest order (lowest first).
 * overlayfs wants the topmost first, parted by `:`; a `:`, `,` or `\` of a path is escaped with `\`.
 */
export const lowerdir = (layers: ReadonlyArray<string>): string =>
  layers
    .map((path) => path.replace(/[\\:,]/g, "\\$&"))
    .reverse()
    .join(":")
