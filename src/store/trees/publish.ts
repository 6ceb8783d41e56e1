/** A staged tree gets its name, by rename: from then on it is there, and whole. */
import { randomUUID } from "node:crypto"
import { lstat, rename } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type { FileSystemFailed, Reason } from "../../api/errors.ts"
import { ifMissing, removeFile, syscall } from "../../fs/syscall.ts"
import { unlessHeld } from "../locks/Holds.ts"
import { isGone, takeAway, unmark } from "./gone.ts"
import { removeTree } from "./removeTree.ts"

export const isDirectory = (path: string): Effect.Effect<boolean, FileSystemFailed> =>
  Effect.map(ifMissing(syscall("lstat", path, () => lstat(path))), (stat) => stat?.isDirectory() === true)

/** What a tree's files could not say for themselves stands beside it. */
const beside = (tree: string) => `${tree}.stat`

/** The tree and what is beside it. */
export const discard = (path: string) => Effect.andThen(removeTree(path), removeFile(beside(path)))

const exists = Effect.fnUntraced(function* (path: string) {
  return (yield* ifMissing(syscall("lstat", path, () => lstat(path)))) !== undefined
})

/** Before the tree: a tree that is there has its stat file, and none of an earlier one. */
const publishBeside = Effect.fnUntraced(function* (staging: string, target: string) {
  if (yield* exists(beside(staging))) {
    yield* syscall("rename", beside(target), () => rename(beside(staging), beside(target)))
  } else yield* removeFile(beside(target))
})

/** A tree that is whole, and was not taken away. */
export const isTree = (path: string) =>
  Effect.flatMap(isDirectory(path), (there) =>
    there ? Effect.map(isGone(path), (gone) => !gone) : Effect.succeed(false)
  )

/**
 * The rename lasts through a power cut once an image is recorded. Where another was quicker with the same tree, ours is
 * removed and theirs stays.
 */
export const publish = Effect.fnUntraced(function* (staging: string, target: string) {
  const gone = yield* isGone(target)
  if (gone) yield* discard(target)
  if (!(yield* isDirectory(target))) yield* publishBeside(staging, target)
  const renamed = yield* syscall("rename", target, () => rename(staging, target)).pipe(
    Effect.as(true),
    Effect.catch((error) =>
      Effect.flatMap(isDirectory(target), (there) => (there ? Effect.succeed(false) : Effect.fail(error)))
    )
  )
  if (gone) yield* unmark(target)
  if (!renamed) yield* discard(staging)
  return target
})

/** Where a tree is replaced. */
export interface Replacement {
  readonly root: string
  /** Where the old tree waits for its removal. */
  readonly aside: string
  /** By which somebody may hold the old tree. */
  readonly digest: string
}

/**
 * A tree that nothing proves, after a power cut perhaps, gives its name to one that was just proven. A tree that somebody
 * holds stays: it would go from beneath a running program. Then it is `false`, and what was staged is removed. Whoever
 * asks holds the digest's lock.
 */
export const replaceTree = Effect.fnUntraced(function* (
  staging: string,
  target: string,
  { root, aside, digest }: Replacement
): Effect.fn.Return<boolean, Reason> {
  const path = join(aside, randomUUID())
  const replacing = Effect.gen(function* () {
    yield* takeAway(target, path)
    yield* publish(staging, target)
    return true
  })
  const isReplaced = (yield* unlessHeld(root, digest, replacing)) === true
  // The old one is left to whoever sweeps staging directories, where it cannot be removed now.
  yield* isReplaced ? Effect.ignore(discard(path)) : discard(staging)
  return isReplaced
})
