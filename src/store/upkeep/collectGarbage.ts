/**
 * Removes the trees that no image needs, and their records. A pull holds the lock `use` shared, from its first look at
 * the store until its rows are written. Trees are removed under the same lock, exclusively, so that none vanishes
 * between its publishing and its row. Under the lock they are only renamed into the staging area, which is quick, and
 * deleted later; trees that cannot be moved are deleted in place. A tree that the system refuses to delete stays and is
 * reported; the others go.
 */
import { randomUUID } from "node:crypto"
import { dirname, join } from "node:path"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { FileSystemFailed } from "../../api/errors.ts"
import { list } from "../../fs/directories.ts"
import { removeFile } from "../../fs/syscall.ts"
import { forgetSignatures } from "../blobs/SignatureFiles.ts"
import { reachable } from "../catalogue/reachable.ts"
import { SqlClient } from "../database/Sql.ts"
import { heldDigests } from "../locks/Holds.ts"
import { tryLock } from "../locks/Lock.ts"
import { removeUnreachable } from "../records/removeUnreachable.ts"
import { forgetFileLists } from "../reuse/fileLists.ts"
import { makeFingerprints } from "../trees/Fingerprints.ts"
import { goneIn, takeAway, unmark } from "../trees/goneMarks.ts"
import { listTrees } from "../trees/listTrees.ts"
import { discard } from "../trees/publish.ts"
import { removeTree } from "../trees/removeTree.ts"
import { fileName, readTreeName } from "../trees/TreePaths.ts"
import type { FailedRemoval } from "../UpkeepResults.ts"
import { type CleanerOptions, keysOf, measure, needs, orphans, strays, type TreeLocation } from "./neededTrees.ts"

/** What has no tree needs no proof. */
const forgetProofs = Effect.fnUntraced(function* ({ root }: CleanerOptions, kept: ReadonlySet<string>) {
  const directory = join(root, "proofs")
  const names = new Set([...kept].map(fileName))
  for (const name of yield* list(directory)) if (!names.has(name)) yield* removeTree(join(directory, name))
})

/** Deletes trees. One that cannot be deleted does not stop the others. */
const dispose = Effect.fnUntraced(function* (
  trees: ReadonlyArray<TreeLocation>,
  remove: (path: string) => Effect.Effect<unknown, FileSystemFailed>
) {
  const layers = yield* measure(trees)
  const failed = yield* Effect.forEach(trees, ({ path }) =>
    remove(path).pipe(
      Effect.as([]),
      Effect.catch(({ code }) => Effect.succeed([{ path, code }]))
    )
  )
  return { layers, failed: failed.flat() }
})

/**
 * Without `among`, takes all trees that no image needs, else only those of these digests. `undefined` while a pull is
 * running.
 */
const take = Effect.fnUntraced(function* (options: CleanerOptions, among: ReadonlySet<string> | undefined) {
  const { root, database, lockPath, staging, layersDir } = options
  if (!(yield* tryLock(lockPath("use"), { sharable: true }))) return undefined
  const trash = yield* staging
  const fingerprints = makeFingerprints(root)

  const stays = ({ path }: TreeLocation) => dirname(path) === layersDir
  const move = Effect.fnUntraced(function* ({ digest, path }: TreeLocation) {
    const to = join(trash, randomUUID())
    const isMoved = yield* takeAway(path, to)
    // After its tree, so that a tree with its name has its stat file.
    yield* removeFile(`${path}.stat`)
    yield* fingerprints.forget(path)
    return { digest, path: isMoved ? to : path }
  })

  const query = Effect.gen(function* () {
    const sql = yield* SqlClient
    const unneeded = (yield* orphans(options, keysOf(yield* needs(options)))).filter(
      ({ digest }) => among?.has(digest) ?? true
    )
    const isHeld = yield* heldDigests(root)
    // Marked by a process that died, or by a repair, which holds its trees.
    const marked = [...(yield* goneIn(layersDir))].flatMap((name): ReadonlyArray<TreeLocation> => {
      const tree = readTreeName(name)
      return tree === undefined || isHeld(tree.digest) ? [] : [{ digest: tree.digest, path: join(layersDir, name) }]
    })
    const going = unneeded.filter(({ digest }) => !isHeld(digest))
    for (const path of yield* strays(options)) yield* removeFile(path)
    const taken: Array<TreeLocation> = [...marked]
    const failed: Array<FailedRemoval> = []
    for (const tree of going) {
      const result = yield* Effect.result(move(tree))
      if (Result.isSuccess(result)) taken.push(result.success)
      else failed.push({ path: tree.path, code: result.failure.code })
    }
    // A tree and its row are removed in one transaction, the tree first: a tree without its row could be claimed with
    // another diffID than its own.
    const there = new Set((yield* listTrees(layersDir)).map(({ digest }) => digest))
    for (const digest of new Set(taken.map(({ digest }) => digest))) {
      if (there.has(digest)) continue
      yield* sql`DELETE FROM layers WHERE digest = ${digest} AND id NOT IN (SELECT layer_id FROM manifest_layers)`
    }
    yield* fingerprints.forgetStrays
    yield* forgetProofs(options, there)
    return { taken, failed, held: going.length < unneeded.length, kept: yield* reachable }
  })
  // Also removes what an earlier removal left that died before this step.
  const thorough = among === undefined
  const { kept, ...result } = yield* database.transaction("collect", query, ({ kept }) =>
    Effect.andThen(removeUnreachable(root, kept, { thorough }), forgetSignatures(root, kept.digests))
  )
  if (thorough) yield* Effect.andThen(sweep(options), forgetFileLists(root, layersDir))
  const [inPlace, moved] = [result.taken.filter(stays), result.taken.filter((place) => !stays(place))]
  const removed = yield* dispose(inPlace, (path) => Effect.andThen(discard(path), unmark(path)))
  return { ...result, taken: moved, removed }
}, Effect.scoped)

/**
 * Removes what dead processes left: locks, which nobody waits for while no pull is running, and temporary notes that
 * the catalogue is sound.
 */
const sweep = Effect.fnUntraced(function* ({ root, lockPath }: CleanerOptions) {
  for (const name of yield* list(root)) if (name.startsWith("oci.db.sound.")) yield* removeTree(join(root, name))
  for (const name of yield* list(join(root, "locks"))) {
    if (name !== "held" && name !== "use") yield* Effect.scoped(Effect.ignore(tryLock(lockPath(name))))
  }
})

export interface Collected {
  readonly layers: ReadonlyArray<{ readonly digest: string; readonly bytes: number }>
  readonly failed: ReadonlyArray<FailedRemoval>
  /** A pull was running, or somebody holds some of them. */
  readonly deferred: boolean
}

export const collectGarbage = Effect.fnUntraced(function* (options: CleanerOptions, among?: ReadonlySet<string>) {
  const found = yield* take(options, among)
  if (found === undefined) return { layers: [], failed: [], deferred: true } satisfies Collected
  const { taken, removed, failed, held } = found
  const rest = yield* dispose(taken, removeTree)
  const sizes = new Map<string, number>()
  for (const { digest, bytes } of [...removed.layers, ...rest.layers])
    sizes.set(digest, (sizes.get(digest) ?? 0) + bytes)
  const collected: Collected = {
    layers: [...sizes].map(([digest, bytes]) => ({ digest, bytes })),
    failed: [...failed, ...removed.failed, ...rest.failed],
    deferred: held
  }
  return collected
})
