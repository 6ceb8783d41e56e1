/** Finds every entry's place inside the layer's root, at the moment of writing. */
import type { Directory } from "../../Directory.ts"

/** The most links to follow in one path, as many as Linux does. */
const maximumHops = 40

/** Most components, over all link targets, that one entry follows. Forty targets of full length would be 80 000 look-ups. */
const maximumSteps = 2048

/** Components that all entries of a layer may follow together: a base, and some more for each entry. */
const free = 2 ** 20
const perEntry = 32

/** What stands at a name; of a symbolic link its target, a binary string. */
export type Found = "directory" | "other" | { readonly target: string } | undefined

/** Says what stands at a name now. Never follows a link. */
export type FindAt = (directory: Directory, name: string) => Found

export interface PathResolverOptions {
  readonly root: Directory
  readonly at: FindAt
  /** Makes a directory that the archive has no entry for. */
  readonly make: (directory: Directory, name: string) => void
  /** Called when something other than a directory is where one is needed: removes it, or throws. */
  readonly clear: (directory: Directory, name: string) => void
  /** Called when a directory that already stood on disk is first entered. */
  readonly found?: (directory: Directory) => void
  readonly refuse: (problem: string) => Error
}

export interface PathResolver {
  /** To be called at each entry: starts the count of followed links anew. */
  readonly begin: () => void
  /** The directory that holds the last of `names`. Links on the way resolve as if the layer were `/`; missing directories are made. */
  readonly parent: (names: ReadonlyArray<string>) => Directory
  /** The same for a hard link's target: makes nothing, and returns `undefined` if a directory on the way is missing. */
  readonly find: (names: ReadonlyArray<string>) => Directory | undefined
  /**
   * The same for a whiteout: `blocked` if something other than a directory or a link is in the way, `hidden` if this layer
   * hides all that lower layers may have there.
   */
  readonly look: (names: ReadonlyArray<string>) => Directory | "missing" | "blocked" | "hidden"
  /** The directory `name` in `directory` has just been made, or seen to be one: entries beneath it usually come next. */
  readonly descend: (names: ReadonlyArray<string>, directory: Directory) => void
  /** Drops the cached path. To be called at each link, each removal and each replacement. */
  readonly forget: () => void
}

/**
 * Only the path to the previous entry's parent is cached between entries, and `forget` drops it whenever a component of
 * it may have become something else: at each removal, each replacement, and each link. Links too, because names that
 * differ in bytes can be one name on disk (case, Unicode form), so a link that looks new can stand in the cached path.
 * A longer-lived cache of directories is how node-tar (CVE-2021-32803 and four more) and containerd (CVE-2025-47290)
 * wrote outside their roots.
 */
export const makePathResolver = ({ root, at, make, clear, found, refuse }: PathResolverOptions): PathResolver => {
  let wayNames: Array<string> = []
  let wayPlaces: Array<Directory> = []
  let hops = 0
  let steps = 0
  let allowance = free
  let forgotten = 0

  const enter = (directory: Directory, name: string, create: boolean): Directory | undefined => {
    const there = at(directory, name)
    if (there === "directory") {
      const known = directory.children?.has(name) === true
      const child = directory.child(name)
      if (!known) found?.(child)
      return child
    }
    if (typeof there === "object") return follow(directory, there.target, create)
    if (!create) return undefined
    if (there === "other") clear(directory, name)
    make(directory, name)
    return directory.child(name)
  }

  const follow = (from: Directory, target: string, create: boolean): Directory | undefined => {
    hops += 1
    if (hops > maximumHops) throw refuse(`more than ${maximumHops} symbolic links lead to it`)
    let place: Directory | undefined = target.startsWith("/") ? root : from
    for (const name of target.split("/")) {
      // Empty components count too, since they have to be read.
      if (++steps > maximumSteps) throw refuse("the links that lead to it are too long")
      if (--allowance < 0) throw refuse("the links that lead to the entries of this layer are too long")
      if (name === "" || name === ".") continue
      place = name === ".." ? (place.parent ?? root) : enter(place, name, create)
      if (place === undefined) return undefined
    }
    return place
  }

  const kept = (names: ReadonlyArray<string>): number => {
    let length = 0
    while (length < names.length - 1 && length < wayNames.length && wayNames[length] === names[length]) length += 1
    return length
  }

  const keep = (names: ReadonlyArray<string>, places: Array<Directory>): void => {
    wayNames = names.slice(0, -1)
    wayPlaces = places
  }

  return {
    begin: () => {
      steps = 0
      allowance += perEntry
    },
    parent: (names) => {
      hops = 0
      const length = kept(names)
      if (length === names.length - 1 && length === wayNames.length) return wayPlaces[length - 1] ?? root
      const places = wayPlaces.slice(0, length)
      const before = forgotten
      let place = places[length - 1] ?? root
      for (const name of names.slice(length, -1)) {
        const next = enter(place, name, true)
        if (next === undefined) throw refuse("its parent cannot be resolved")
        place = next
        places.push(place)
      }
      // Something on the way was replaced: the result is right, but must not be cached.
      if (before === forgotten) keep(names, places)
      return place
    },
    look: (names) => {
      hops = 0
      const length = kept(names)
      const places = wayPlaces.slice(0, length)
      let place = places[length - 1] ?? root
      for (const name of names.slice(length, -1)) {
        const next = enter(place, name, false)
        if (next === undefined) {
          if (place.whiteouts?.has(name) === true || place.isBeneathOpaque) return "hidden"
          return at(place, name) === "other" ? "blocked" : "missing"
        }
        place = next
        places.push(place)
      }
      keep(names, places)
      return place
    },
    find: (names) => {
      hops = 0
      const length = kept(names)
      let place: Directory | undefined = wayPlaces[length - 1] ?? root
      for (const name of names.slice(length, -1)) {
        place = enter(place, name, false)
        if (place === undefined) return undefined
      }
      return place
    },
    descend: (names, directory) => {
      const name = names[names.length - 1]
      if (name === undefined || kept(names) !== names.length - 1 || wayNames.length !== names.length - 1) return
      wayNames.push(name)
      wayPlaces.push(directory)
    },
    forget: () => {
      forgotten += 1
      wayNames = []
      wayPlaces = []
    }
  }
}
