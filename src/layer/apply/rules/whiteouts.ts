/** How a layer hides what lower layers have (OCI image-spec, layer.md, "Whiteouts"). */
import type { Directory } from "../../Directory.ts"
import type { Merging } from "../../layout/Layout.ts"
import type { PathResolver } from "./PathResolver.ts"

export const whiteoutPrefix = ".wh."
export const opaqueName = ".wh..wh..opq"

/**
 * `hides`: hides `name` in the lower layers. `opaque`: hides all that the lower layers have in the directory. `aufs`:
 * an internal file of the AUFS driver, without meaning here. `invalid`: would hide the directory itself or its parent.
 */
export type Whiteout =
  | { readonly kind: "hides"; readonly name: string }
  | { readonly kind: "opaque" }
  | { readonly kind: "aufs" }
  | { readonly kind: "invalid" }

/** What the last component of an entry's name means; `undefined` for an ordinary name. */
export const whiteoutOf = (name: string): Whiteout | undefined => {
  if (!name.startsWith(whiteoutPrefix)) return undefined
  if (name === opaqueName) return { kind: "opaque" }
  const hidden = name.slice(whiteoutPrefix.length)
  if (hidden === "" || hidden === "." || hidden === "..") return { kind: "invalid" }
  if (hidden.startsWith(whiteoutPrefix)) return { kind: "aufs" }
  return { kind: "hides", name: hidden }
}

export interface WhiteoutsOptions {
  readonly within: PathResolver
  readonly merging: Merging | undefined
  readonly refuse: (problem: string) => Error
  /** The directory that holds the last of `names`, made where it is missing. Default: as for any entry. */
  readonly makeParents?: (names: ReadonlyArray<string>) => Directory
}

/** Applies the entry if it is a whiteout, and returns whether it is. `name` is the last of `names`. */
export type ApplyWhiteout = (names: ReadonlyArray<string>, name: string) => boolean

export const makeWhiteouts =
  ({ within, merging, refuse, makeParents = within.parent }: WhiteoutsOptions): ApplyWhiteout =>
  (names, name) => {
    const whiteout = whiteoutOf(name)
    if (whiteout === undefined) return false
    if (whiteout.kind === "invalid") throw refuse("a whiteout that does not name an entry of its directory")
    // Beneath something that is not a directory it hides nothing: umoci writes one for each file of a directory that
    // its layer replaces by a file.
    const found = within.look(names)
    if (merging === undefined) return found === "blocked"
    if (whiteout.kind === "aufs" || found === "blocked" || found === "hidden") return true
    if (found === "missing" && !merging.makesParents) return true
    const directory = found === "missing" ? makeParents(names) : found
    if (whiteout.kind === "opaque") merging.hideAll(directory)
    else merging.hide(directory, whiteout.name)
    return true
  }
