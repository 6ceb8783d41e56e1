/**
 * Images in use. Whoever uses one holds a shared lock on each digest that its trees are called by, `<root>/locks/held/…`,
 * and cleaning up leaves these trees where they are. The lock goes with its process. The file that it stands on says
 * whose locks are to be asked for; one that a dead process left is removed by whoever asks.
 */
import { unlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { FileSystemFailed } from "../../api/errors.ts"
import { list } from "../../fs/list.ts"
import { makeDirectory } from "../../fs/makeDirectory.ts"
import { ifMissing, syscall } from "../../fs/syscall.ts"
import { fileName } from "../Places.ts"
import { lock, tryLock } from "./Lock.ts"

const directoryOf = (root: string) => join(root, "locks", "held")

/** Until the scope closes. Whoever calls it keeps cleaning up out meanwhile. */
export const holdDigests = Effect.fnUntraced(function* (
  root: string,
  digests: Iterable<string>
): Effect.fn.Return<void, FileSystemFailed, Scope.Scope> {
  const directory = directoryOf(root)
  yield* syscall("mkdir", directory, () => makeDirectory(directory))
  for (const digest of new Set(digests)) {
    const path = join(directory, fileName(digest))
    // Locks that are no file locks leave no file.
    yield* syscall("write", path, () => writeFile(path, "", { flag: "a" }))
    yield* lock(path, { shared: true })
  }
})

/** Tells of a digest whether somebody holds it now. */
export const heldDigests = Effect.fnUntraced(function* (
  root: string
): Effect.fn.Return<(digest: string) => boolean, FileSystemFailed> {
  const directory = directoryOf(root)
  const held = new Set<string>()
  for (const name of yield* list(directory)) {
    const path = join(directory, name)
    const free = yield* Effect.scoped(
      Effect.tap(tryLock(path, { sharable: true }), (free) =>
        free ? ifMissing(syscall("unlink", path, () => unlink(path))) : Effect.void
      )
    )
    if (!free) held.add(name)
  }
  return (digest) => held.has(fileName(digest))
})
