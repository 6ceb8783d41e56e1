/** Removes interrupted downloads, except those that are being continued, whose lock is taken. */
import { stat } from "node:fs/promises"
import { join } from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { list } from "../../fs/directories.ts"
import { ifMissing, syscall } from "../../fs/syscall.ts"
import { tryLock } from "../locks/Lock.ts"
import { removeTree } from "../trees/removeTree.ts"
import { treeSize } from "../trees/treeSize.ts"
import type { ReclaimedBlob } from "../UpkeepResults.ts"
import { pruneRecords } from "./UnfinishedPulls.ts"

export interface PartialPlaces {
  readonly root: string
  readonly partialPath: (digest: string) => string
  readonly lockPath: (name: string) => string
}

/**
 * `keepFor`: keeps those whose last bytes arrived within so many milliseconds; default none. Returns what was, or would
 * be, removed.
 */
export const prunePartials = Effect.fnUntraced(function* (
  { root, partialPath, lockPath }: PartialPlaces,
  { dryRun = false, keepFor }: { readonly dryRun?: boolean | undefined; readonly keepFor?: number | undefined }
) {
  const now = yield* Clock.currentTimeMillis
  const found: Array<ReclaimedBlob> = []
  for (const digest of yield* list(join(root, "partial"))) {
    const path = partialPath(digest)
    const removal = Effect.gen(function* () {
      if (!(yield* tryLock(lockPath(digest)))) return
      const made = yield* ifMissing(syscall("stat", path, () => stat(path)))
      if (made === undefined || (keepFor !== undefined && Math.abs(now - made.mtimeMs) <= keepFor)) return
      found.push({ digest, bytes: yield* treeSize(path) })
      if (!dryRun) yield* removeTree(path)
    })
    yield* Effect.scoped(removal)
  }
  if (!dryRun) yield* pruneRecords({ root, partialPath, lockPath })
  return found
})
