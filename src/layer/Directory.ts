import type { EntryHeader } from "./Entry.ts"

export { toDisk } from "../fs/removeTree.ts"

/** A binary string as text, for people. */
export const decode = (binary: string): string => Buffer.from(binary, "latin1").toString()

/** Up to this length a piece of a string is a string of its own; a longer one is a view, which holds all of it. */
const longestCopied = 12

/** Where names are copied. Names are many, and a buffer for each would be garbage. */
const scratch = Buffer.alloc(4096)

/** A name that outlives its entry: what it was cut from may be as long as `pathBytes`. */
export const ownName = (name: string): string => {
  if (name.length <= longestCopied) return name
  if (name.length > scratch.length) return Buffer.from(name, "latin1").toString("latin1")
  return scratch.toString("latin1", 0, scratch.write(name, "latin1"))
}

/** A hard link whose target did not exist yet. A class, since it is compared by identity and there may be many. */
export class PendingLink {
  readonly directory: Directory
  readonly name: string
  /** A clean name: its components between slashes. */
  readonly target: string

  constructor(directory: Directory, name: string, target: string) {
    this.directory = directory
    this.name = name
    this.target = target
  }
}

/** Paths are as long as `pathBytes`, and directories are many: of one tree, the path of one is kept. */
interface LastPath {
  readonly root: string
  directory: Directory | undefined
  path: string
}

/**
 * A directory of the tree that is being written, by its physical place: no component of `path` was a link when it was
 * entered. It remembers what has to be done or known later; whether the directory still is one is always asked of the
 * disk, never of this.
 */
export class Directory {
  readonly name: string
  readonly parent: Directory | undefined
  /** Components beneath the root. */
  readonly depth: number
  children: Map<string, Directory> | undefined
  /** What `finish` sets. */
  mtime: EntryHeader["mtime"] | undefined
  /** Hard links whose target did not exist yet, by name. */
  links: Map<string, PendingLink> | undefined
  /** What this layer wrote here, by name. Kept only where layers meet: a whiteout must spare it. */
  written: Set<string> | undefined
  /** Names that this layer hides with a whiteout node. */
  whiteouts: Set<string> | undefined
  /** This layer hides everything that lower layers have here. */
  opaque = false
  readonly #last: LastPath

  private constructor(name: string, parent: Directory | undefined, last: LastPath) {
    this.name = name
    this.parent = parent
    this.depth = parent === undefined ? 0 : parent.depth + 1
    this.#last = last
  }

  /** `path`: absolute, a binary string. */
  static root(path: string): Directory {
    return new Directory("", undefined, { root: path, directory: undefined, path })
  }

  /** Absolute, as a binary string. */
  get path(): string {
    const last = this.#last
    if (last.directory === this) return last.path
    if (this.parent === undefined) return last.root
    last.path = last.directory === this.parent ? `${last.path}/${this.name}` : `${last.root}/${this.names.join("/")}`
    last.directory = this
    return last.path
  }

  /** Beneath the root. */
  get names(): ReadonlyArray<string> {
    const names: Array<string> = []
    for (let place: Directory = this; place.parent !== undefined; place = place.parent) names.push(place.name)
    return names.reverse()
  }

  /** This layer hides everything that lower layers have here: by a marker of this directory, or of one above it. */
  get isBeneathOpaque(): boolean {
    for (let place: Directory | undefined = this; place !== undefined; place = place.parent) {
      if (place.opaque) return true
    }
    return false
  }

  at(name: string): string {
    return `${this.path}/${name}`
  }

  /** Nothing stands at `name` any more. */
  vacated(name: string): void {
    this.children?.delete(name)
    this.links?.delete(name)
    this.written?.delete(name)
    this.whiteouts?.delete(name)
  }

  child(name: string): Directory {
    const known = this.children?.get(name)
    if (known !== undefined) return known
    const child = new Directory(ownName(name), this, this.#last)
    this.children ??= new Map()
    this.children.set(child.name, child)
    return child
  }
}
