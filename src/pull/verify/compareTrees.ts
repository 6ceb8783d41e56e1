/**
 * Compares the store with its own records: first with the catalogue, then each tree with its fingerprint, which a
 * worker computes again. A tree is not removed while it is compared.
 */
import * as Effect from "effect/Effect"
import { isReason, type Reason } from "../../api/errors.ts"
import { scarcity } from "../../fs/loadModule.ts"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { drain } from "../../reactive/bridge.ts"
import { Locks } from "../../store/locks/Locks.ts"
import { Trees } from "../../store/trees/Trees.ts"
import type { Fault, TableTree, UnknownTree, Verified } from "../../store/UpkeepResults.ts"
import type { NamedTree } from "../../store/upkeep/namedTrees.ts"
import { Upkeep } from "../../store/upkeep/Upkeep.ts"

/** Most trees compared at once, each under a lock; workers have their own limit. */
const atOnce = 8

type Judgement = "sound" | "unknown" | { readonly problem: string }

export type Compared = Omit<Verified, "repaired">

export const compareTrees = Effect.gen(function* () {
  const pool = yield* ExtractionPool
  const trees = yield* Trees
  const { lease } = yield* Locks
  const upkeep = yield* Upkeep
  const byTable: Array<TableTree> = []
  const judge = Effect.fnUntraced(function* ({ digest, path, kind }: NamedTree): Effect.fn.Return<Judgement, Reason> {
    // The proof was synced before the image was recorded. If it is missing, more may be.
    const known = yield* trees.fingerprints.findAny(path)
    if (known?.table !== undefined) byTable.push({ digest, path, table: known.table })
    else if (kind === "extracted" && (yield* trees.proofs.find(digest)) === undefined)
      return { problem: "there is no record of the archive that the tree was extracted from" }
    const like = known?.fingerprint
    if (like === undefined) return "unknown"
    return yield* drain(isReason)(pool.fingerprint$({ digest, directory: path, like })).pipe(
      Effect.map((seen): Judgement => {
        if (seen === undefined) return "unknown"
        return seen === like ? "sound" : { problem: "the tree was changed since it was extracted" }
      }),
      Effect.catch((reason) =>
        reason._tag === "FileSystemFailed" && scarcity(reason) === undefined
          ? Effect.succeed<Judgement>({ problem: `the tree cannot be read: ${reason.code}` })
          : Effect.fail(reason)
      )
    )
  })

  const faults: Array<Fault> = []
  const unknown: Array<UnknownTree> = []
  const compare = Effect.fnUntraced(function* (tree: NamedTree) {
    const { digest, path, users, variant } = tree
    yield* lease
    if (!(yield* trees.has(path))) return
    const judgement = yield* judge(tree)
    if (judgement === "unknown") unknown.push({ digest, path })
    else if (judgement !== "sound") {
      const others = variant === undefined ? {} : { variant }
      for (const user of users) faults.push({ ...user, digest, ...judgement, ...others, path })
    }
  }, Effect.scoped)

  const missing = yield* upkeep.verify
  yield* Effect.forEach(yield* upkeep.namedTrees, compare, { concurrency: atOnce, discard: true })
  const byPath = (a: UnknownTree, b: UnknownTree) => (a.path < b.path ? -1 : 1)
  const compared: Compared = {
    faults: [...missing, ...faults],
    unknown: unknown.toSorted(byPath),
    ...(byTable.length === 0 ? {} : { byTable: byTable.toSorted(byPath) })
  }
  return compared
})
