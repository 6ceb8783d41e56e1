/** Finds a path in an image as a process inside a container does (path_resolution(7)): symbolic links never lead out of it. */
import { NotInImage, type Reason, UnsuitablePath } from "../../api/errors.ts"
import { decode } from "../Directory.ts"

/** The most links to follow in one path, as many as Linux does. */
export const mostLinks = 40

/** What stands at a name of a directory. */
export type Child<D, L> =
  | { readonly _tag: "Directory"; readonly directory: D }
  | { readonly _tag: "Leaf"; readonly leaf: L; readonly target?: string | undefined }
  | "missing"
  /** Nobody knows yet. */
  | "unknown"

export interface View<D, L> {
  readonly root: D
  /** `leaf.target`: of a symbolic link, a binary string. */
  readonly child: (directory: D, name: string) => Child<D, L>
}

export type Sought<D, L> =
  | { readonly _tag: "Directory"; readonly directory: D; readonly names: ReadonlyArray<string> }
  | { readonly _tag: "Leaf"; readonly leaf: L; readonly names: ReadonlyArray<string> }
  /** There is no such path. `names`: up to the component that is missing. */
  | { readonly _tag: "Missing"; readonly names: ReadonlyArray<string> }
  /** What is at `names` must be a directory, for what follows in the path, and is not one. */
  | { readonly _tag: "NoDirectory"; readonly names: ReadonlyArray<string> }
  | { readonly _tag: "TooManyLinks" }
  /** It depends on what stands at this name. */
  | { readonly _tag: "Unknown"; readonly name: string }

/**
 * `path`: a binary string, seen from the root of the image whether it begins with `/` or not. `follow`: also where the last
 * component is a link. The links in its parents are always followed.
 */
export const findPath = <D, L>({ root, child }: View<D, L>, path: string, follow: boolean): Sought<D, L> => {
  /** Components that are still to be walked, the next one last. */
  const ahead = path.split("/").reverse()
  let names: Array<string> = []
  let places: Array<D> = [root]
  let last: { readonly leaf: L } | undefined
  let links = 0
  for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
    // Also for an empty component, or `.`: what a slash follows is a directory.
    if (last !== undefined) return { _tag: "NoDirectory", names }
    if (name === "" || name === ".") continue
    if (name === "..") {
      if (places.length > 1) places.pop()
      names.pop()
      continue
    }
    const found = child(places[places.length - 1] ?? root, name)
    if (found === "unknown") return { _tag: "Unknown", name }
    if (found === "missing") return { _tag: "Missing", names: [...names, name] }
    if (found._tag === "Directory") {
      names.push(name)
      places.push(found.directory)
    } else if (found.target !== undefined && (follow || ahead.length > 0)) {
      links += 1
      if (links > mostLinks) return { _tag: "TooManyLinks" }
      if (found.target.startsWith("/")) {
        names = []
        places = [root]
      }
      ahead.push(...found.target.split("/").reverse())
    } else {
      names.push(name)
      last = found
    }
  }
  if (last !== undefined) return { _tag: "Leaf", leaf: last.leaf, names }
  return { _tag: "Directory", directory: places[places.length - 1] ?? root, names }
}

/** Why a path was not found; `undefined` where it was. */
export const whyNotFound = (sought: Sought<unknown, unknown>, path: string): Reason | undefined => {
  const shown = decode(path)
  switch (sought._tag) {
    case "Missing":
      return new NotInImage({ path: shown, missing: decode(sought.names.join("/")) })
    case "NoDirectory": {
      const problem = `${JSON.stringify(decode(sought.names.join("/")))} is not a directory`
      return new UnsuitablePath({ path: shown, code: "ENOTDIR", problem })
    }
    case "TooManyLinks": {
      const problem = `more than ${mostLinks} symbolic links lead to it`
      return new UnsuitablePath({ path: shown, code: "ELOOP", problem })
    }
    default:
      return undefined
  }
}

/** Why an entry of this type cannot be read as a file; `undefined` if it can. */
export const whyNoFile = (type: string, path: string): UnsuitablePath | undefined => {
  if (type === "file") return undefined
  const problem = type === "directory" ? "it is a directory" : `it is a ${type.replace("-", " ")}, which has no content`
  return new UnsuitablePath({ path: decode(path), code: type === "directory" ? "EISDIR" : "EINVAL", problem })
}
