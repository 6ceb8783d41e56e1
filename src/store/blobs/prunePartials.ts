/** Removes downloads that were cut off; one that is being continued has its lock taken, and stays. */
import { stat } from "node:fs/promises"
import { join } from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { list } from "../../fs/directories.ts"
import { ifMissing, syscall } from "../../fs/syscall.ts"
import { tryLock } from "../locks/Lock.ts"
import type { ReclaimedBlob } from "../Reclaimed.ts"
import { removeTree } from "../trees/removeTree.ts"
import { treeSize } from "../trees/treeSize.ts"

export interface PartialPlaces {
  readonly root: string
  readonly partialPath: (digest: string) => string
  readonly lockPath: (name: string) => string
}

/** `keepFor`: milliseconds since bytes last arrived; without it all of them go. Gives what went, or would go. */
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
  return found
})
