import type { EntryHeader } from "./Entry.ts"

/** Node takes a path as text or as bytes; text is faster, and only ASCII is the same both ways. */
export const toDisk = (binary: string): string | Buffer =>
  /^[\x01-\x7f]*$/.test(binary) ? binary : Buffer.from(binary, "latin1")

/**
 * A directory of the tree that is being written, by its physical place: no component of `path` was a link when it was
 * entered. It remembers what has to be done or known later; whether the directory still is one is always asked of the
 * disk, never of this.
 */
export class Directory {
  /** Absolute, as a binary string. */
  readonly path: string
  readonly name: string
  readonly parent: Directory | undefined
  /** Components beneath the root. */
  readonly depth: number
  readonly children = new Map<string, Directory>()
  /** What `finish` sets. */
  mtime: EntryHeader["mtime"] | undefined
  /** Hard links whose target did not exist yet, by name. */
  links: Map<string, Pick<EntryHeader, "path" | "linkPath">> | undefined
  /** What this layer wrote here, by name. Kept only where layers meet: a whiteout must spare it. */
  written: Set<string> | undefined
  /** Names that this layer hides with a whiteout node. */
  whiteouts: Set<string> | undefined
  /** This layer hides everything that lower layers have here. */
  opaque = false

  constructor(path: string, name: string, parent: Directory | undefined) {
    this.path = path
    this.name = name
    this.parent = parent
    this.depth = parent === undefined ? 0 : parent.depth + 1
  }

  at(name: string): string {
    return `${this.path}/${name}`
  }

  child(name: string): Directory {
    const known = this.children.get(name)
    if (known !== undefined) return known
    const child = new Directory(this.at(name), name, this)
    this.children.set(name, child)
    return child
  }
}
