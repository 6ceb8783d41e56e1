import { createHash } from "node:crypto"
import type { Ino } from "./format/InodeTable.ts"
import type { ErofsPlan } from "./planErofs.ts"
import type { Turns } from "./Turns.ts"

/**
 * Of everything that is known of the entries, but not of where they are, and of `identity`, whatever that is: the manifest's digest,
 * say, so that images that differ only in the bytes of files have different ones. In the form of a random UUID (RFC 9562, version 8).
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
