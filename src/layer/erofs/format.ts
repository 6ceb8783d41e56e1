/**
 * The format of an EROFS image, as Linux's `fs/erofs/erofs_fs.h` has it, as far as the images of this library use it: inodes in the
 * extended form, uncompressed, in blocks of 4 KiB. The writer and the reader share it. All numbers are
 * little-endian.
 */
import type { EntryType } from "../Entry.ts"

/** Bytes of a block (`blkszbits` = 12): what every kernel since 5.4 reads. */
export const blockBytes = 4096

/** Inodes begin at multiples of it: a node number (`nid`) is an offset in slots, counted from `meta_blkaddr`, here 0. */
export const slotBytes = 32

/** Block addresses have 32 bits. */
export const mostBlocks = 2 ** 32 - 1

export const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit

/** Blocks that `bytes` fill, the last of them perhaps in part. */
export const blocksOf = (bytes: number): number => Math.ceil(bytes / blockBytes)

/** `struct erofs_super_block`: where it is in the image (`EROFS_SUPER_OFFSET`; what is before it is left to boot loaders), and its fields in it. */
export const superblock = {
  at: 1024,
  bytes: 128,
  magic: 0xe0f5e1e2,
  fields: { magic: 0, checksum: 4, compatible: 8, blockBits: 12, rootNid: 14, inodes: 16, blocks: 36, uuid: 48 }
} as const

/** `struct erofs_inode_extended`: alone of the two forms it has 32-bit owners, sizes beyond 4 GiB, and a time of its own. */
export const inodeBytes = 64

/** Offsets of its fields. */
export const inodeFields = {
  format: 0,
  xattrs: 2,
  mode: 4,
  size: 8,
  /** `i_u`: a block's address, or a device's number. */
  union: 16,
  ino: 20,
  uid: 24,
  gid: 28,
  mtime: 32,
  nanos: 40,
  nlink: 44,
  /** `i_reserved2`: zeros. */
  reserved: 48
} as const

/** Where the last bytes of an inode are, less than a block: in a block of their own, or behind the inode and its attributes. */
export type DataLayout = "plain" | "inline"

/** `i_format`: `EROFS_INODE_FLAT_PLAIN` and `_INLINE`, with the bit of the extended form. */
export const inodeFormats: Readonly<Record<DataLayout, number>> = { plain: 1 | (0 << 1), inline: 1 | (2 << 1) }

/** `S_IFMT` of a mode. */
export const typeMask = 0o170000

/** `S_IFMT`, and `file_type` of a directory entry. */
export const kinds = {
  file: [0o100000, 1],
  directory: [0o040000, 2],
  "character-device": [0o020000, 3],
  "block-device": [0o060000, 4],
  fifo: [0o010000, 5],
  symlink: [0o120000, 7]
} as const satisfies Partial<Record<EntryType, readonly [bits: number, fileType: number]>>

/** `struct erofs_dirent`, and its fields: the node's number in 64 bits, where the name begins in the block, what it leads to. */
export const direntBytes = 12
export const direntFields = { nid: 0, nameAt: 8, fileType: 10 } as const

/** `struct erofs_xattr_ibody_header`, which is before the attributes of an inode. */
export const xattrHeaderBytes = 12

/** `struct erofs_xattr_entry`, which is before the name and the value of each; its fields. Each begins at a multiple of 4. */
export const xattrEntryBytes = 4
export const xattrFields = { nameLength: 0, prefix: 1, valueLength: 2 } as const

/** `e_name_index`, by the beginning of the name that it stands for; the others are whole names. */
export const xattrPrefixes = [
  ["user.", 1],
  ["system.posix_acl_access", 2],
  ["system.posix_acl_default", 3],
  ["trusted.", 4],
  ["security.", 6]
] as const
