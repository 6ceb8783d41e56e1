import { createHash } from "node:crypto"
import type { Ino } from "./format/InodeTable.ts"
import type { ErofsPlan } from "./planErofs.ts"
import type { Turns } from "./Turns.ts"

/**
 * Computes the UUID of a disk image (RFC 9562, version 8). It is a hash of everything known about the entries, except their positions, and
 * of `identity`. `identity` is the manifest's digest, for example, so that images that differ only in the bytes of files get different UUIDs.
 */
export const uuidOf = async ({ inodes, dirents, identity }: ErofsPlan, turns: Turns): Promise<Uint8Array> => {
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
