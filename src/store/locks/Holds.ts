/**
 * Images in use. Whoever uses one holds a shared lock on each digest that its trees are called by, `<root>/locks/held/…`,
 * and cleaning up leaves these trees where they are. The lock goes with its process. Its file says which digests to ask
 * for. Nobody removes that file but the holder of the exclusive lock, as it leaves: whoever asks, and finds nobody.
 */
import { constants } from "node:fs"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { FileSystemFailed, Reason } from "../../api/errors.ts"
import { list, makeDirectory } from "../../fs/directories.ts"
import { recoverFrom, syscall } from "../../fs/syscall.ts"
import { fileName } from "../trees/TreePaths.ts"
import { lock, tryLock } from "./Lock.ts"

const { O_APPEND, O_CREAT, O_NOFOLLOW = 0, O_WRONLY } = constants

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
    yield* lock(path, { shared: true })
    // After the lock: until then whoever asks may remove it. A file lock has made it; a socket's name leaves no file.
    yield* syscall("write", path, () => writeFile(path, "", { flag: O_APPEND | O_CREAT | O_NOFOLLOW | O_WRONLY }))
  }
})

/** Tells of a digest whether somebody holds it now. */
export const heldDigests = Effect.fnUntraced(function* (
  root: string
): Effect.fn.Return<(digest: string) => boolean, FileSystemFailed> {
  const directory = directoryOf(root)
  const held = new Set<string>()
  for (const name of yield* list(directory)) {
    const asked = Effect.scoped(tryLock(join(directory, name), { sharable: true }))
    // A directory holds nothing.
    if (!(yield* recoverFrom(["EISDIR"], true)(asked))) held.add(name)
  }
  return (digest) => held.has(fileName(digest))
})

/**
 * Does what takes the digest's trees away, unless somebody holds them: then it is `undefined`. Whoever is to hold them from
 * now on waits until it is done.
 */
export const unlessHeld = <A, R>(root: string, digest: string, work: Effect.Effect<A, Reason, R>) =>
  Effect.scoped(
    Effect.flatMap(
      tryLock(join(directoryOf(root), fileName(digest)), { sharable: true }),
      (isFree): Effect.Effect<A | undefined, Reason, R> => (isFree ? work : Effect.succeed(undefined))
    )
  )
