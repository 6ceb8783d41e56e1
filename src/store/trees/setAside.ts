/**
 * Takes its name from a tree that is to be made again. As in cleaning up, this needs the lock `use` exclusively, so
 * that no pull has just found the tree, and leaves trees that somebody holds. If the scope closes with a failure, and nothing
 * took its place, the tree is put back: a changed tree is better than none.
 */

import { randomUUID } from "node:crypto"
import { rename } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type { Reason } from "../../api/errors.ts"
import { isDirectory } from "../../fs/directories.ts"
import { ifMissing, removeFile, syscall } from "../../fs/syscall.ts"
import { heldDigests, holdDigests } from "../locks/Holds.ts"
import { lock, tryLock } from "../locks/Lock.ts"
import { takeAway, unmark } from "./goneMarks.ts"
import { removeTree } from "./removeTree.ts"

interface Options {
  readonly root: string
  readonly lockPath: (name: string) => string
  /** Where the tree waits. */
  readonly staging: Effect.Effect<string, Reason>
}

const renamed = (from: string, to: string) => ifMissing(syscall("rename", from, () => rename(from, to)))

/** Returns the tree's new path, or its own if it can only be marked; `undefined` if it stays. */
const take = Effect.fnUntraced(function* (
  { root, lockPath, staging }: Options,
  digest: string,
  path: string,
  scope: Scope.Scope
) {
  if (!(yield* tryLock(lockPath("use"), { sharable: true }))) return undefined
  const isHeld = yield* heldDigests(root)
  if (isHeld(digest)) return undefined
  const aside = join(yield* staging, randomUUID())
  // The tree first, as in cleaning up, so that a tree with its name has its stat file.
  if (yield* takeAway(path, aside)) {
    yield* renamed(`${path}.stat`, `${aside}.stat`)
    return aside
  }
  // Held, because a sweep would take the marked tree for a dead process's.
  yield* Scope.provide(holdDigests(root, [digest]), scope)
  return path
}, Effect.scoped)

/** Removes the tree, whose images have another now. A tree that could only be marked is left to the next clean-up. */
const drop = Effect.fnUntraced(function* (path: string, aside: string) {
  if (aside === path) return
  yield* removeTree(aside)
  yield* removeFile(`${aside}.stat`)
})

/** Puts the tree back, under the digest's lock, so that no other process is publishing there. */
const giveBack = Effect.fnUntraced(function* ({ lockPath }: Options, digest: string, path: string, aside: string) {
  // Keeps out cleaning up, which would try the digest's lock.
  yield* lock(lockPath("use"), { shared: true })
  // A tree that was published in its place has no mark.
  if (aside === path) return yield* Effect.asVoid(unmark(path))
  const isFree = (yield* tryLock(lockPath(digest))) && !(yield* isDirectory(path))
  // Its stat file first, as in publishing, so that a tree with its name has it.
  if (isFree) return yield* Effect.andThen(renamed(`${aside}.stat`, `${path}.stat`), renamed(aside, path))
  yield* removeTree(aside)
  yield* removeFile(`${aside}.stat`)
}, Effect.scoped)

export const setAside = (
  options: Options,
  { digest, path }: { readonly digest: string; readonly path: string }
): Effect.Effect<boolean, Reason, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) =>
    Effect.acquireRelease(take(options, digest, path, scope), (aside, exit) => {
      if (aside === undefined) return Effect.void
      return Effect.ignore(Exit.isSuccess(exit) ? drop(path, aside) : giveBack(options, digest, path, aside))
    })
  ).pipe(Effect.map((aside) => aside !== undefined))
