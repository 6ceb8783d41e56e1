/**
 * Where everything is in an image that is written from its beginning to its end. Inodes share blocks; the bytes of one begin
 * at a block of their own. The last of them, less than a block, are behind the inode if they fit there, but not those of
 * files: who maps files from the image into memory (DAX, gVisor) needs whole blocks.
 * A shared block is written when it is full: behind the whole blocks of all inodes in it. So neither what was written nor
 * what is still to come has to be kept, but for one block.
 */
import { blockBytes, blocksOf, type DataLayout, roundUp, slotBytes, xattrHeaderBytes } from "../layer/erofs/format.ts"
import { rootAt } from "./format/encodeSuperblock.ts"
import type { Ino, InodeTable } from "./format/InodeTable.ts"
import type { Turns } from "./Turns.ts"

export interface Placement {
  /** The offset of each inode, in bytes. */
  readonly offsets: Float64Array
  /** Blocks of the image. */
  readonly blocks: number
}

export const placeInodes = async (inodes: InodeTable, turns: Turns): Promise<Placement> => {
  const offsets = new Float64Array(inodes.length)
  /** The next block that is written; behind the superblock. */
  let block = 0
  /** Bytes that are taken of the shared block. */
  let used = blockBytes
  /** Those that are in it. Their offsets count from its beginning, until it is known where that is. */
  let sharing: Array<Ino> = []

  /** Bytes that may be placed behind the inode. */
  const tailOf = (ino: Ino) => (inodes.isFile(ino) ? 0 : inodes.size(ino) % blockBytes)

  const closeShared = () => {
    for (const ino of sharing) offsets[ino] = (offsets[ino] ?? 0) + block * blockBytes
    if (sharing.length > 0) block += 1
    sharing = []
    used = blockBytes
  }

  const place = (ino: Ino, layout: DataLayout) => {
    const size = inodes.size(ino)
    const blocks = layout === "inline" ? Math.floor(size / blockBytes) : blocksOf(size)
    inodes.place(ino, layout, size > 0 ? block : 0)
    block += blocks
  }

  /** In the first block, before its own bytes. */
  const placeRoot = () => {
    const end = rootAt + inodes.headBytes(0)
    const size = inodes.size(0)
    offsets[0] = rootAt
    block = blocksOf(end)
    place(0, end + size <= block * blockBytes ? "inline" : "plain")
  }

  /** What has more attributes than a block holds: behind its bytes, in blocks of its own. */
  const placeAlone = (ino: Ino, head: number) => {
    closeShared()
    const tail = tailOf(ino)
    place(ino, tail > 0 && head + tail <= roundUp(head, blockBytes) ? "inline" : "plain")
    offsets[ino] = block * blockBytes
    block += blocksOf(head)
  }

  const placeShared = (ino: Ino, head: number) => {
    const tail = tailOf(ino)
    const rest = blockBytes - used
    let isInline = tail > 0 && head + tail <= blockBytes
    // If it does not fit here, whichever loses less: the rest of this block, or that of one for the tail alone.
    if (isInline && head + tail > rest && head <= rest && blockBytes - tail < rest) isInline = false
    const needed = isInline ? head + tail : head
    if (needed > rest) closeShared()
    place(ino, isInline ? "inline" : "plain")
    if (sharing.length === 0) used = 0
    offsets[ino] = used
    sharing.push(ino)
    used = Math.min(roundUp(used + needed, slotBytes), blockBytes)
  }

  placeRoot()
  for (let ino = 1; ino < inodes.length; ino++) {
    const head = inodes.headBytes(ino)
    if (head > blockBytes) placeAlone(ino, head)
    else placeShared(ino, head)
    const turn = turns.take()
    if (turn !== undefined) await turn
  }
  // fsck.erofs 1.5 looks for attributes behind an inode that has none, and fails where the image ends there.
  const isTight = sharing.length > 0 && blockBytes - used < xattrHeaderBytes
  closeShared()
  return { offsets, blocks: isTight ? block + 1 : block }
}
