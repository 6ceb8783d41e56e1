/** What a layer's archive holds, and what takes it: the seam between reading an archive and writing a directory. */
export type EntryType = "file" | "directory" | "symlink" | "link" | "character-device" | "block-device" | "fifo"

/**
 * One entry as the archive tells it. Names are the archive's bytes as a binary (latin1) string, so that names that are
 * not UTF-8 survive byte for byte.
 */
export interface EntryHeader {
  readonly path: string
  /** Target of a symlink or a hard link; empty for every other type. */
  readonly linkPath: string
  readonly type: EntryType
  /** Permission bits, setuid, setgid and sticky among them: `mode & 0o7777`. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Logical size in bytes: a sparse file counts with its holes. 0 for everything but files. */
  readonly size: number
  readonly mtime: { readonly seconds: number; readonly nanos: number }
  readonly devMajor: number
  readonly devMinor: number
  /** Raw values by name (a binary string, `SCHILY.xattr.` taken off). */
  readonly xattrs: ReadonlyMap<string, Uint8Array>
  /** The segments of a sparse file in bytes, in rising order. The body is these segments back to back; the rest are holes. */
  readonly sparse?: ReadonlyArray<{ readonly offset: number; readonly length: number }>
}

/**
 * Takes the entries in archive order. Everything is synchronous and is called in the worker; a `Reason` that is thrown
 * fails the layer.
 */
export interface Applier {
  /** An entry whose body is whole; absent where the body is empty. The view is valid during the call only. */
  entry(header: EntryHeader, body?: Uint8Array): void
  /** A large body in pieces, between `begin` and `end`; each view is valid during its call only. */
  begin(header: EntryHeader): void
  write(chunk: Uint8Array): void
  /**
   * In place of `write`, the whole body from an open file, whose blocks are shared until one of the two is written to. Gives the
   * file that has it, to be read. `undefined`: not here, and nothing was written.
   */
  clone(source: number): number | undefined
  end(): void
  /** After the last entry: hard links, the times of directories, the attributes of the root. */
  finish(): void
  /** Closes open files, also after a failure or a cancel. Never throws; may be called twice. */
  close(): void
}
