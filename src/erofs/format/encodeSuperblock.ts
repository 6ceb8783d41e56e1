import { blockBytes, superblock } from "../../layer/erofs/format.ts"
import { crc32c } from "./crc32c.ts"

/** `EROFS_FEATURE_COMPAT_SB_CHKSUM`, and `_MTIME`: times are those of modification. */
const compatible = 0x1 | 0x2

/** Where the root's inode is: right behind the superblock. `root_nid` has 16 bits, and so it must be near the beginning. */
export const rootAt = superblock.at + superblock.bytes

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
  const { at, magic, fields } = superblock
  block.writeUInt32LE(magic, at + fields.magic)
  block.writeUInt32LE(compatible, at + fields.compatible)
  block[at + fields.blockBits] = Math.log2(blockBytes)
  block.writeUInt16LE(rootNid, at + fields.rootNid)
  block.writeBigUInt64LE(BigInt(inodes), at + fields.inodes)
  block.writeUInt32LE(blocks, at + fields.blocks)
  block.set(uuid, at + fields.uuid)
  block.writeUInt32LE(crc32c(0xffff_ffff, block.subarray(at, blockBytes)), at + fields.checksum)
}
