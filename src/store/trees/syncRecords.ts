/**
 * What is known of a tree (its proof, its fingerprint) reaches the disk before an image's rows name the tree. So after a
 * power cut `verify` can tell of every tree that an image names whether it is still whole. Files that are on the disk
 * already, of another pull perhaps, cost no write.
 */
import { dirname } from "node:path"
import * as Effect from "effect/Effect"
import { ifMissing } from "../../fs/syscall.ts"
import { syncDirectory, syncFile } from "../../fs/writeAtomic.ts"

/** Files in hand at once: as many as Node has threads for them. */
const atOnce = 4

export const syncRecords = Effect.fnUntraced(function* (paths: ReadonlyArray<string>) {
  yield* Effect.forEach(paths, (path) => ifMissing(syncFile(path)), { concurrency: atOnce, discard: true })
  yield* Effect.forEach(new Set(paths.map(dirname)), (path) => ifMissing(syncDirectory(path)), { discard: true })
})
