/**
 * Trees by the archive that they were extracted from. Blobs of one archive differ in their compression only, so a tree of one
 * of them has the files of all.
 */

import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { FileSystemFailed } from "../../api/errors.ts"
import { isDirectory } from "../../fs/directories.ts"
import { peek } from "../../fs/openRegular.ts"
import { isDigest } from "../../image/reference/Digest.ts"
import type { Proofs } from "../blobs/Proofs.ts"
import type { Fingerprints } from "../trees/Fingerprints.ts"
import { listTrees } from "../trees/listTrees.ts"
import type { Tree } from "../trees/TreePaths.ts"

export interface Archives {
  /**
   * Finds a blob that was proven to have this diffID, and whose tree and records are on disk, made with these options. Gives
   * its digest, or `undefined` if no blob is like that. `trees`: the trees on disk, if the caller has listed them already.
   */
  readonly find: (
    diffId: string,
    variant: string,
    trees?: ReadonlyArray<Tree>
  ) => Effect.Effect<string | undefined, FileSystemFailed>
  /** Reads the proofs that `find` would read first. */
  readonly prepare: Effect.Effect<void, FileSystemFailed>
}

export interface ArchivesOptions {
  readonly layersDir: string
  readonly proofs: Proofs
  readonly fingerprints: Fingerprints
}

/** Proofs read at once. */
const atOnce = 8

/** Characters that a digest may have, and one more. */
const longest = 256

export const makeArchives = ({ layersDir, proofs, fingerprints }: ArchivesOptions): Archives => {
  /** The diffID of each blob. It never changes, but a proof can be removed, so the proof is read again before it is used. */
  const diffIds = new Map<string, string>()
  const turn = Semaphore.makeUnsafe(1)

  const learn = (trees: ReadonlyArray<Tree>) =>
    turn.withPermit(
      Effect.gen(function* () {
        const digests = new Set(trees.map(({ digest }) => digest))
        for (const digest of diffIds.keys()) if (!digests.has(digest)) diffIds.delete(digest)
        // Not as Effects: a store may have thousands.
        const unread = [...digests].filter((digest) => !diffIds.has(digest)).values()
        const readAll = async () => {
          for (const digest of unread) {
            const text = await peek(proofs.pathOf(digest), longest).catch(() => "")
            if (isDigest(text)) diffIds.set(digest, text)
          }
        }
        yield* Effect.promise(() => Promise.all(Array.from({ length: atOnce }, readAll)))
      })
    )

  const extracted = (trees: ReadonlyArray<Tree>) => trees.filter(({ kind }) => kind === "extracted")

  const isWhole = Effect.fnUntraced(function* ({ digest, name }: Tree, diffId: string) {
    const path = join(layersDir, name)
    if ((yield* proofs.find(digest)) !== diffId || (yield* fingerprints.find(path)) === undefined) return false
    return yield* isDirectory(path)
  })

  return {
    find: Effect.fnUntraced(function* (diffId, variant, listed) {
      const trees = extracted(listed ?? (yield* listTrees(layersDir)))
      yield* learn(trees)
      const same = trees.filter((tree) => tree.variant === variant && diffIds.get(tree.digest) === diffId)
      for (const tree of same.sort((a, b) => (a.digest < b.digest ? -1 : 1)))
        if (yield* isWhole(tree, diffId)) return tree.digest
      return undefined
    }),
    prepare: Effect.flatMap(listTrees(layersDir), (trees) => learn(extracted(trees)))
  }
}
