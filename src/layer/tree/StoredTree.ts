import type { EntryHeader } from "../Entry.ts"
import type { View } from "./findPath.ts"

/** The bytes of a file that is open. */
export interface StoredBytes {
  /** Reads at most `length` bytes from the file's byte `at` on, to the beginning of `buffer`; how many it were. */
  readonly read: (buffer: Buffer, length: number, at: number) => number
  readonly close: () => void
}

export interface Described {
  /** Index of the tree that describes it, where there are several: 0 is the highest. */
  readonly layer: number
  /** Its path is empty. */
  readonly header: EntryHeader
}

/** What is stored of an image, as one tree. For the worker: synchronous. */
export interface StoredTree<D, L extends { readonly layer: number }> extends View<D, L> {
  /** In the order of their bytes. */
  readonly names: (directory: D) => ReadonlyArray<string>
  readonly describe: (directory: D) => Described | undefined
  /** `inode`: of a leaf that has more names than one. */
  readonly entry: (leaf: L) => { readonly header: EntryHeader; readonly inode: string | undefined }
  /** Opens a file. */
  readonly open: (leaf: L) => StoredBytes
  readonly close: () => void
}
