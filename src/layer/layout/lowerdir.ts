/** Layers that were extracted in the layout `overlay`, as a mount takes them. */
interface Stack {
  readonly layers: ReadonlyArray<{ readonly path: string }>
}

const isPaths = (image: Stack | ReadonlyArray<string>): image is ReadonlyArray<string> => Array.isArray(image)

/**
 * The value of overlayfs' mount option `lowerdir` for an image, or for the paths of layers in manifest order (lowest
 * first). overlayfs wants the topmost first, parted by `:`; a `:`, `,` or `\` of a path is escaped with `\`. A layer that
 * is repeated, which overlayfs refuses, counts where it is topmost: beneath itself it has nothing to add.
 */
export const lowerdir = (image: Stack | ReadonlyArray<string>): string => {
  const paths = isPaths(image) ? image : image.layers.map(({ path }) => path)
  return [...new Set(paths.toReversed())].map((path) => path.replace(/[\\:,]/g, "\\$&")).join(":")
}
