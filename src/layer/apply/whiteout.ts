/** The names by which a layer hides what lower layers have (OCI image-spec, layer.md, "Whiteouts"). */
export const whiteoutPrefix = ".wh."
const opaqueName = ".wh..wh..opq"

/**
 * `hides`: `name` of the lower layers. `opaque`: everything the lower layers have in the directory. `aufs`: a note of
 * the AUFS driver to itself, which means nothing here. `invalid`: would hide the directory itself or its parent.
 */
export type Whiteout =
  | { readonly kind: "hides"; readonly name: string }
  | { readonly kind: "opaque" }
  | { readonly kind: "aufs" }
  | { readonly kind: "invalid" }

/** What the last component of an entry's name says; `undefined` where it is an ordinary name. */
export const whiteoutOf = (name: string): Whiteout | undefined => {
  if (!name.startsWith(whiteoutPrefix)) return undefined
  if (name === opaqueName) return { kind: "opaque" }
  const hidden = name.slice(whiteoutPrefix.length)
  if (hidden === "" || hidden === "." || hidden === "..") return { kind: "invalid" }
  if (hidden.startsWith(whiteoutPrefix)) return { kind: "aufs" }
  return { kind: "hides", name: hidden }
}
