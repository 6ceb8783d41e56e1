/** Gives a staged tree of all layers, or of a part of them, its name, with its fingerprint. */
import * as Effect from "effect/Effect"
import { isReason } from "../../api/errors.ts"
import type { Digest } from "../../image/reference/Digest.ts"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { drain } from "../../reactive/bridge.ts"
import { Trees } from "../../store/trees/Trees.ts"

export interface StagedTree {
  /** What the tree is called by, for errors. */
  readonly digest: Digest
  readonly directory: string
  readonly path: string
  /** There is a tree with this name, but no fingerprint of it. It is replaced. */
  readonly isUnproven: boolean
}

export const publishTree = Effect.fnUntraced(function* ({ digest, directory, path, isUnproven }: StagedTree) {
  const trees = yield* Trees
  const pool = yield* ExtractionPool
  const fingerprint = yield* drain(isReason)(pool.fingerprint$({ digest, directory }))
  if (fingerprint !== undefined) yield* trees.fingerprints.keep(path, fingerprint)
  if (isUnproven) yield* trees.replace(directory, { digest, path })
  else yield* trees.publish(directory, path)
})
