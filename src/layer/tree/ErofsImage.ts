/**
 * A disk image that this library wrote (see the folder `src/erofs`), as a tree. Nothing is kept but some blocks and the names of the
 * directories that somebody holds. What no image of ours has is the system's error `EUCLEAN`. For the worker.
 */
import type { EntryHeader } from "../Entry.ts"
import { blockBytes, superblock } from "../erofs/format.ts"
import { ImageFile } from "../erofs/ImageFile.ts"
import { ImageInode } from "../erofs/ImageInode.ts"
import { readDirents } from "../erofs/readDirents.ts"
import type { Child } from "./findPath.ts"
import type { StoredBytes, StoredTree } from "./StoredTree.ts"

/** A directory, with its names once they were asked for. */
export interface ImageDirectory {
  readonly layer: number
  readonly nid: number
  readonly parent: number
  names?: ReadonlyMap<string, number>
}

export interface ImageLeaf {
  readonly layer: number
  readonly nid: number
}

export class ErofsImage implements StoredTree<ImageDirectory, ImageLeaf> {
  readonly root: ImageDirectory
  readonly #file: ImageFile

  /** `path`: absolute. Throws the system's error. */
  constructor(path: string) {
    this.#file = new ImageFile(path)
    const { at, bytes, magic, fields } = superblock
    const block = this.#file.read(at, bytes)
    const isKnown = block.readUInt32LE(fields.magic) === magic && 2 ** (block[fields.blockBits] ?? 0) === blockBytes
    if (!isKnown) throw this.#file.damaged()
    const nid = block.readUInt16LE(fields.rootNid)
    this.root = { layer: 0, nid, parent: nid }
  }

  names(directory: ImageDirectory): ReadonlyArray<string> {
    return [...this.#namesIn(directory).keys()]
  }

  readonly child = (directory: ImageDirectory, name: string): Child<ImageDirectory, ImageLeaf> => {
    const nid = this.#namesIn(directory).get(name)
    if (nid === undefined) return "missing"
    const inode = this.#inode(nid)
    if (inode.type === "directory") {
      // A directory that has the root in it would be walked for ever.
      if (nid === this.root.nid) throw this.#file.damaged()
      return { _tag: "Directory", directory: { layer: 0, nid, parent: directory.nid } }
    }
    return { _tag: "Leaf", leaf: { layer: 0, nid }, target: inode.type === "symlink" ? inode.target : undefined }
  }

  describe({ nid }: ImageDirectory): { readonly layer: number; readonly header: EntryHeader } {
    return { layer: 0, header: this.#inode(nid).header }
  }

  entry({ nid }: ImageLeaf): { readonly header: EntryHeader; readonly inode: string | undefined } {
    const inode = this.#inode(nid)
    return { header: inode.header, inode: inode.links > 1 ? String(nid) : undefined }
  }

  open({ nid }: ImageLeaf): StoredBytes {
    const inode = this.#inode(nid)
    return {
      read: (buffer, length, at) => {
        const place = inode.placeOf(at)
        return this.#file.readInto(buffer, Math.min(length, place.length), place.at)
      },
      close: () => {}
    }
  }

  close(): void {
    this.#file.close()
  }

  #inode(nid: number): ImageInode {
    return new ImageInode(this.#file, nid)
  }

  #namesIn(directory: ImageDirectory): ReadonlyMap<string, number> {
    directory.names ??= readDirents(this.#file, this.#inode(directory.nid), directory.parent)
    return directory.names
  }
}
