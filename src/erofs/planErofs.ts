import { createHash } from "node:crypto"
import { blockBytes, slotBytes } from "../layer/erofs/format.ts"
import type { Column } from "./columns/Column.ts"
import type { ErofsTree } from "./ErofsTree.ts"
import type { DirentTable } from "./format/DirentTable.ts"
import type { Ino, InodeTable } from "./format/InodeTable.ts"
import { placeInodes } from "./placeInodes.ts"
import type { Turns } from "./Turns.ts"

/** An image whose every offset is known, before a byte of a file was read. */
export interface ErofsPlan {
  readonly inodes: InodeTable
  /** CRCs of the paths of files with bytes, where those come from elsewhere than their headers. */
  readonly pathSums: Column | undefined
  readonly dirents: DirentTable
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
const uuidOf = async ({ inodes, dirents }: ErofsTree, identity: string, turns: Turns): Promise<Uint8Array> => {
  const hash = createHash("sha256").update(identity)
  for (const some of inodes.records()) {
    hash.update(some)
    await turns.take(256)
  }
  for (const [, value] of [...inodes.xattrs].sort(([a], [b]) => a - b)) {
    hash.update(value)
    await turns.take(1 + value.length / 256)
  }
  for (let ino = 0; ino < inodes.length; ino++) {
    const target = inodes.target(ino)
    if (target === undefined) continue
    hash.update(target, "latin1")
    await turns.take()
  }
  const targets = { nid: (ino: Ino) => ino, fileType: () => 0 }
  for (let ino = 0; ino < inodes.length; ino++) {
    if (!inodes.isDirectory(ino)) continue
    for (const block of dirents.content(ino, targets)) {
      hash.update(block)
      await turns.take(100)
    }
  }
  const uuid = hash.digest().subarray(0, 16)
  uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x80
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80
  return uuid
}

/** The tree is not to be added to any more. */
export const planErofs = async (
  tree: ErofsTree,
  turns: Turns,
  identity = "",
  pathSums?: Column
): Promise<ErofsPlan> => {
  const { inodes, dirents } = tree
  dirents.seal(inodes.length)
  for (let ino = 0; ino < inodes.length; ino++) {
    if (!inodes.isDirectory(ino)) continue
    const size = dirents.sort(ino)
    inodes.setSize(ino, size)
    // A name with its entry takes some 40 bytes.
    await turns.take(1 + size / 40)
  }
  const uuid = await uuidOf(tree, identity, turns)
  const { offsets, blocks } = await placeInodes(inodes, turns)
  return { inodes, pathSums, dirents, offsets, blocks, size: blocks * blockBytes, uuid }
}
