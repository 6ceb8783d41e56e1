/** Layers that were extracted in the layout `overlay`, as a mount takes them. */
import { InvalidOption, PullError } from "../../api/errors.ts"

interface Stack {
  readonly reference?: string
  readonly layers: ReadonlyArray<{ readonly path: string }>
  readonly erofs?: string
}

const isPaths = (image: Stack | ReadonlyArray<string>): image is ReadonlyArray<string> => Array.isArray(image)

/** A layer's directory, by its name: `<digest>[.<variant>].extracted`. */
const layerName = /^[a-z0-9+._-]+[:_][A-Za-z0-9=_-]+(?:\.(?<variant>[a-z][a-z-]*))?\.extracted$/

/** It has whiteouts as plain files, which the kernel would show. */
const isPlainLayer = (path: string): boolean => {
  const name = layerName.exec(path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1))
  return name !== null && !(name.groups?.["variant"] ?? "").split("-").includes("overlay")
}

/**
 * The value of overlayfs' mount option `lowerdir` for an image, or for the paths of layers in manifest order (lowest
 * first). overlayfs wants the topmost first, parted by `:`; a `:`, `,` or `\` of a path is escaped with `\`. A layer that
 * is repeated, which overlayfs refuses, counts where it is topmost: beneath itself it has nothing to add. Throws a
 * `PullError` with `InvalidOption` for an image that was pulled in the layout `layers` or `erofs`; paths are taken as they are, since
 * fuse-overlayfs reads those too.
 */
export const lowerdir = (image: Stack | ReadonlyArray<string>): string => {
  const paths = isPaths(image) ? image : image.layers.map(({ path }) => path)
  const isImage = !isPaths(image) && image.erofs !== undefined
  if (!isPaths(image) && (isImage || paths.some(isPlainLayer))) {
    const found = isImage ? "this is a disk image" : "these layers have whiteouts as plain files"
    const problem = `must be \`overlay\` for a mount: ${found}. Pull the image with it`
    const { reference = "(lowerdir)" } = image
    throw new PullError({ reference, reason: new InvalidOption({ option: "layout", problem }) })
  }
  return [...new Set(paths.toReversed())].map((path) => path.replace(/[\\:,]/g, "\\$&")).join(":")
}
