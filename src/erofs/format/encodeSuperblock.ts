import { blockBytes } from "./blocks.ts"
import { crc32c } from "./crc32c.ts"

/** `EROFS_SUPER_OFFSET`: what is before it is left to boot loaders. */
const superblockAt = 1024
const superblockBytes = 128
const magic = 0xe0f5e1e2
/** `EROFS_FEATURE_COMPAT_SB_CHKSUM`, and `_MTIME`: times are those of modification. */
const compatible = 0x1 | 0x2

/** Where the root's inode is: right behind the superblock. `root_nid` has 16 bits, and so it must be near the beginning. */
export const rootAt = superblockAt + superblockBytes

/** Where the number of the image's blocks is: 32 bits. */
export const blocksAt = superblockAt + 36

export interface Superblock {
  readonly rootNid: number
  readonly inodes: number
  /** All of the image. */
  readonly blocks: number
  /** 16 bytes. */
  readonly uuid: Uint8Array
}

/**
 * `struct erofs_super_block` into the image's first block, which is complete otherwise: the checksum covers the block from
 * the superblock on. Features that older kernels do not know are not used, and fields that stay 0 say so. That
 * `meta_blkaddr` is 0 lets inodes be anywhere in the image. There is no build time: each inode has its own.
 */
export const encodeSuperblock = (block: Buffer, { rootNid, inodes, blocks, uuid }: Superblock): void => {
  const at = superblockAt
  block.writeUInt32LE(magic, at)
  block.writeUInt32LE(compatible, at + 8)
  block[at + 12] = Math.log2(blockBytes)
  block.writeUInt16LE(rootNid, at + 14)
  block.writeBigUInt64LE(BigInt(inodes), at + 16)
  block.writeUInt32LE(blocks, blocksAt)
  block.set(uuid, at + 48)
  block.writeUInt32LE(crc32c(0xffff_ffff, block.subarray(at, blockBytes)), at + 4)
}
