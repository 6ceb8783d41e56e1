/**
 * A tree that is to be made anew gives its name away first. That is done as cleaning up does it: under the lock `use`,
 * exclusive, so that no pull has just looked at it, and never to a tree that somebody holds. If nothing takes its place it
 * comes back: a changed tree is more than none.
 */
import { randomUUID } from "node:crypto"
import { rename } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type { Reason } from "../../api/errors.ts"
import { ifMissing, removeFile, syscall } from "../../fs/syscall.ts"
import { heldDigests, holdDigests } from "../locks/Holds.ts"
import { lock, tryLock } from "../locks/Lock.ts"
import { takeAway, unmark } from "./gone.ts"
import { isDirectory } from "./publish.ts"
import { removeTree } from "./removeTree.ts"

interface Options {
  readonly root: string
  readonly lockPath: (name: string) => string
  /** Where the tree waits. */
  readonly staging: Effect.Effect<string, Reason>
}

const renamed = (from: string, to: string) => ifMissing(syscall("rename", from, () => rename(from, to)))

/** Gives where the tree is now, its own path where it cannot be moved; `undefined` where it stays. */
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
  // The tree first, as cleaning up does: a tree that is there has its stat file.
  if (yield* takeAway(path, aside)) {
    yield* renamed(`${path}.stat`, `${aside}.stat`)
    return aside
  }
  // Whoever cleans up would take it for one that a dead process left.
  yield* Scope.provide(holdDigests(root, [digest]), scope)
  return path
}, Effect.scoped)

/** Under the digest's lock: no other process is just publishing there. */
const giveBack = Effect.fnUntraced(function* ({ lockPath }: Options, digest: string, path: string, aside: string) {
  // No cleaning up tries the digest's lock meanwhile.
  yield* lock(lockPath("use"), { shared: true })
  // What was published in its place has no mark.
  if (aside === path) return yield* Effect.asVoid(unmark(path))
  const isFree = (yield* tryLock(lockPath(digest))) && !(yield* isDirectory(path))
  // Its stat file first, as publishing does: a tree that is there has it.
  if (isFree) return yield* Effect.andThen(renamed(`${aside}.stat`, `${path}.stat`), renamed(aside, path))
  yield* removeTree(aside)
  yield* removeFile(`${aside}.stat`)
}, Effect.scoped)

export const setAside = (
  options: Options,
  { digest, path }: { readonly digest: string; readonly path: string }
): Effect.Effect<boolean, Reason, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) =>
    Effect.acquireRelease(take(options, digest, path, scope), (aside) =>
      aside === undefined ? Effect.void : Effect.ignore(giveBack(options, digest, path, aside))
    )
  ).pipe(Effect.map((aside) => aside !== undefined))
