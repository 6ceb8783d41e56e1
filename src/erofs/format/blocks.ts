/** Units of an EROFS image: everything is in blocks, inodes are in slots. */

/** Bytes of a block (`blkszbits` = 12): what every kernel since 5.4 reads. */
export const blockBytes = 4096

/** Inodes begin at multiples of it: a node number (`nid`) is an offset in slots, counted from `meta_blkaddr`, here 0. */
export const slotBytes = 32

/** Block addresses have 32 bits. */
export const mostBlocks = 2 ** 32 - 1

export const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit

/** Blocks that `bytes` fill, the last of them perhaps in part. */
export const blocksOf = (bytes: number): number => Math.ceil(bytes / blockBytes)
