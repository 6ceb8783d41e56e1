/**
 * Images in use. A user of an image holds a shared lock, `<root>/locks/held/…`, on each digest in the names of its trees,
 * and these trees are not removed. The lock ends with its process. The files in the directory say which digests to
 * check. A file is removed only by a process that has its lock exclusively, to check it, and finds nobody.
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

/** Holds until the scope closes. The caller must prevent cleaning up meanwhile. */
export const holdDigests = Effect.fnUntraced(function* (
  root: string,
  digests: Iterable<string>
): Effect.fn.Return<void, FileSystemFailed, Scope.Scope> {
  const directory = directoryOf(root)
  yield* syscall("mkdir", directory, () => makeDirectory(directory))
  for (const digest of new Set(digests)) {
    const path = join(directory, fileName(digest))
    yield* lock(path, { shared: true })
    // After locking, since before that another process may remove the file. A file lock has created it already; a socket
    // lock leaves no file.
    yield* syscall("write", path, () => writeFile(path, "", { flag: O_APPEND | O_CREAT | O_NOFOLLOW | O_WRONLY }))
  }
})

/** Returns a function that says whether somebody holds a digest now. */
export const heldDigests = Effect.fnUntraced(function* (
  root: string
): Effect.fn.Return<(digest: string) => boolean, FileSystemFailed> {
  const directory = directoryOf(root)
  const held = new Set<string>()
  for (const name of yield* list(directory)) {
    const asked = Effect.scoped(tryLock(join(directory, name), { sharable: true }))
    // A directory is not a hold.
    if (!(yield* recoverFrom(["EISDIR"], true)(asked))) held.add(name)
  }
  return (digest) => held.has(fileName(digest))
})

/**
 * Runs `work`, which removes the digest's trees, unless somebody holds them: then it is `undefined`. Meanwhile, a
 * process that wants to hold them waits.
 */
export const unlessHeld = <A, R>(root: string, digest: string, work: Effect.Effect<A, Reason, R>) =>
  Effect.scoped(
    Effect.flatMap(
      tryLock(join(directoryOf(root), fileName(digest)), { sharable: true }),
      (isFree): Effect.Effect<A | undefined, Reason, R> => (isFree ? work : Effect.succeed(undefined))
    )
  )
