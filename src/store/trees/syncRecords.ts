/**
 * A tree's records (its proof, its fingerprint) are synced before an image's rows name the tree. So after a power cut,
 * `verify` can tell of every such tree whether it is complete. Files that were synced before, perhaps by another pull,
 * cost no write.
 */
import { dirname } from "node:path"
import * as Effect from "effect/Effect"
import { ifMissing } from "../../fs/syscall.ts"
import { syncDirectory, syncFile } from "../../fs/writeAtomic.ts"

/** Most files synced at once: as many as Node has threads. */
const atOnce = 4

export const syncRecords = Effect.fnUntraced(function* (paths: ReadonlyArray<string>) {
  yield* Effect.forEach(paths, (path) => ifMissing(syncFile(path)), { concurrency: atOnce, discard: true })
  yield* Effect.forEach(new Set(paths.map(dirname)), (path) => ifMissing(syncDirectory(path)), { discard: true })
})
