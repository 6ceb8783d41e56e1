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
  /** What the UUID tells beside the entries. */
  readonly identity: string
}

/** The number by which directories name an inode. */
export const nidOf = ({ offsets }: ErofsPlan, ino: Ino): number => (offsets[ino] ?? 0) / slotBytes

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
  const { offsets, blocks } = await placeInodes(inodes, turns)
  return { inodes, pathSums, dirents, offsets, blocks, size: blocks * blockBytes, identity }
}
