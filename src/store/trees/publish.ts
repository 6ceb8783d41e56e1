/** Gives a staged tree its name, by rename. A tree that has its name is complete. */
import { randomUUID } from "node:crypto"
import { lstat, rename } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type { Reason } from "../../api/errors.ts"
import { isDirectory } from "../../fs/directories.ts"
import { ifMissing, removeFile, syscall } from "../../fs/syscall.ts"
import { unlessHeld } from "../locks/Holds.ts"
import { isGone, takeAway, unmark } from "./goneMarks.ts"
import { removeTree } from "./removeTree.ts"

/** The stat file: the attributes that a tree's own files could not keep. */
const beside = (tree: string) => `${tree}.stat`

/** Removes the tree and its stat file. */
export const discard = (path: string) => Effect.andThen(removeTree(path), removeFile(beside(path)))

const exists = Effect.fnUntraced(function* (path: string) {
  return (yield* ifMissing(syscall("lstat", path, () => lstat(path)))) !== undefined
})

/** To be called before the tree gets its name, so that a tree with its name has its own stat file, and no earlier one. */
const publishBeside = Effect.fnUntraced(function* (staging: string, target: string) {
  if (yield* exists(beside(staging))) {
    yield* syscall("rename", beside(target), () => rename(beside(staging), beside(target)))
  } else yield* removeFile(beside(target))
})

/** Whether there is a tree that is not marked as gone. */
export const isTree = (path: string) =>
  Effect.flatMap(isDirectory(path), (there) =>
    there ? Effect.map(isGone(path), (gone) => !gone) : Effect.succeed(false)
  )

/**
 * The rename survives a power cut once an image is recorded. If another process was quicker with the same tree, ours is
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

/** What the replacement of a tree needs. */
export interface Replacement {
  readonly root: string
  /** Where the old tree waits for its removal. */
  readonly aside: string
  /** The digest by which the old tree may be held. */
  readonly digest: string
}

/**
 * Replaces an unproven tree, perhaps after a power cut, by one that was just verified. If a program holds the old tree,
 * it stays, the new one is removed, and the result is `false`. The caller must hold the digest's lock.
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
  // If the old tree cannot be removed now, the next sweep of the staging directories removes it.
  yield* isReplaced ? Effect.ignore(discard(path)) : discard(staging)
  return isReplaced
})
