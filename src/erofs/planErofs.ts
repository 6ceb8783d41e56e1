import { createHash } from "node:crypto"
import type { ErofsTree } from "./ErofsTree.ts"
import { blockBytes, slotBytes } from "./format/blocks.ts"
import type { Directory } from "./format/Directory.ts"
import type { Ino, InodeTable } from "./format/InodeTable.ts"
import { placeInodes } from "./placeInodes.ts"

/** An image whose every offset is known, before a byte of a file was read. */
export interface ErofsPlan {
  readonly inodes: InodeTable
  readonly directories: ReadonlyMap<Ino, Directory>
  readonly files: ReadonlyMap<Ino, number>
  readonly offsets: Float64Array
  readonly blocks: number
  /** Bytes of the image. */
  readonly size: number
  readonly uuid: Uint8Array
}

/** The number by which directories name an inode. */
export const nidOf = ({ offsets }: ErofsPlan, ino: Ino): number => (offsets[ino] ?? 0) / slotBytes

/**
 * Of everything that is known of the entries, and of `identity`, whatever that is: the manifest's digest, say, so that images that
 * differ only in the bytes of files have different ones. In the form of a random UUID (RFC 9562, version 8).
 */
const uuidOf = ({ inodes, directories, files }: ErofsTree, identity: string): Uint8Array => {
  const hash = createHash("sha256").update(identity)
  for (const page of inodes.pages()) hash.update(page)
  for (const value of inodes.xattrs.values()) hash.update(value)
  for (const target of inodes.targets.values()) hash.update(target, "latin1")
  for (const directory of directories.values())
    for (const block of directory.content((ino) => ({ nid: ino, fileType: 0 }))) hash.update(block)
  hash.update(Uint32Array.from(files.values()))
  const uuid = hash.digest().subarray(0, 16)
  uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x80
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80
  return uuid
}

/** The tree is not to be added to any more. */
export const planErofs = (tree: ErofsTree, identity = ""): ErofsPlan => {
  const { inodes, directories, files } = tree
  for (const directory of directories.values()) {
    directory.seal()
    inodes.setSize(directory.ino, directory.size)
  }
  const uuid = uuidOf(tree, identity)
  const { offsets, blocks } = placeInodes(inodes)
  return { inodes, directories, files, offsets, blocks, size: blocks * blockBytes, uuid }
}
