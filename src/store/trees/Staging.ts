/**
 * Where layers are extracted before they get their name: `<layersDir>/.staging/<owner>/`, on the same file system as
 * their target, so that a rename publishes them. The owner is one store of one process; it holds the lock
 * `<owner>.lock` as long as it lives, which is how the living are told from the dead.
 */
import { randomUUID } from "node:crypto"
import { lstat, mkdir, rename } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type { FileSystemFailed } from "../../api/errors.ts"
import { list } from "../../fs/list.ts"
import { makeDirectory } from "../../fs/makeDirectory.ts"
import { ifMissing, removeFile, syscall } from "../../fs/syscall.ts"
import { lock, tryLock } from "../locks/Lock.ts"
import { isGone, unmark } from "./gone.ts"
import { removeTree } from "./removeTree.ts"

const suffix = ".lock"

export const stagingsIn = (layersDir: string) => join(layersDir, ".staging")

export const isDirectory = (path: string): Effect.Effect<boolean, FileSystemFailed> =>
  Effect.map(ifMissing(syscall("lstat", path, () => lstat(path))), (stat) => stat?.isDirectory() === true)

/**
 * Goes through what dead owners left; the living keep theirs. `each` is what is done with an area, and gives its bytes. One
 * that cannot be dealt with is left to the next time.
 */
export const sweep = Effect.fnUntraced(function* (
  stagings: string,
  each: (area: string) => Effect.Effect<number, FileSystemFailed> = (area) => Effect.as(removeTree(area), 0)
) {
  let bytes = 0
  const names = yield* list(stagings)
  // An owner may have died with its lock only, before its directory was there or after. No other name is made of a name.
  const owners = names.map((name) => /^([\da-f-]{36})\.lock$/.exec(name)?.[1] ?? name)
  for (const name of new Set(owners)) {
    if (name.endsWith(suffix)) continue
    bytes += yield* Effect.gen(function* () {
      return (yield* tryLock(join(stagings, name + suffix))) ? yield* each(join(stagings, name)) : 0
    }).pipe(
      Effect.scoped,
      Effect.orElseSucceed(() => 0)
    )
  }
  return bytes
})

/** Opens a staging area of its own at the first use; its scope's end removes it. */
export const makeStaging = Effect.fnUntraced(function* (layersDir: string, owner: string) {
  const stagings = stagingsIn(layersDir)
  const mine = join(stagings, owner)
  // The lock first: a directory without one is a dead one's.
  yield* lock(mine + suffix)
  yield* Effect.addFinalizer(() => Effect.ignore(removeTree(mine)))
  yield* syscall("mkdir", mine, () => makeDirectory(mine))
  yield* Effect.forkScoped(Effect.interruptible(Effect.ignore(sweep(stagings))))
  return mine
})

/** What a tree's files could not say for themselves stands beside it. */
const beside = (tree: string) => `${tree}.stat`

/** The tree and what is beside it. */
export const discard = (path: string) => Effect.andThen(removeTree(path), removeFile(beside(path)))

/** A fresh, empty directory, removed with the scope unless it was renamed. */
export const stageIn = (area: string) =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      // Not `mkdtemp`, whose mode 0700 would become that of the layer's root.
      const path = join(area, randomUUID())
      return syscall("mkdir", path, () => mkdir(path).then(() => path))
    }),
    (path) => Effect.ignore(discard(path))
  )

const isThere = Effect.fnUntraced(function* (path: string) {
  return (yield* ifMissing(syscall("lstat", path, () => lstat(path)))) !== undefined
})

/** Before the tree: a tree that is there has its stat file, and none of an earlier making. */
const publishBeside = Effect.fnUntraced(function* (staging: string, target: string) {
  if (yield* isThere(beside(staging))) {
    yield* syscall("rename", beside(target), () => rename(beside(staging), beside(target)))
  } else yield* removeFile(beside(target))
})

/** A tree that is whole, and was not taken away. */
export const isTree = (path: string) =>
  Effect.flatMap(isDirectory(path), (there) =>
    there ? Effect.map(isGone(path), (gone) => !gone) : Effect.succeed(false)
  )

/** Renames, which lasts through a power cut once an image is recorded; or, where another was quicker with the same layer, drops ours and keeps theirs. */
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
