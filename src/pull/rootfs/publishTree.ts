/** Gives a staged tree of all layers its name, with its fingerprint. */
import * as Effect from "effect/Effect"
import { isReason } from "../../api/errors.ts"
import type { Digest } from "../../image/reference/Digest.ts"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { drain } from "../../reactive/bridge.ts"
import { Trees } from "../../store/trees/Trees.ts"

/** `isUnproven`: there is a tree with this name, but no fingerprint of it. It is replaced. */
export const publishTree = Effect.fnUntraced(function* (manifest: Digest, directory: string, isUnproven: boolean) {
  const trees = yield* Trees
  const pool = yield* ExtractionPool
  const path = trees.rootfsPath(manifest)
  const fingerprint = yield* drain(isReason)(pool.fingerprint$({ digest: manifest, directory }))
  if (fingerprint !== undefined) yield* trees.fingerprints.keep(path, fingerprint)
  if (isUnproven) yield* trees.replace(directory, { digest: manifest, path })
  else yield* trees.publish(directory, path)
})
