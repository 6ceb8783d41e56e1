/**
 * Which archive a blob was proven to hold: `<root>/proofs/<digest>` has its diffID. Both are hashes, so what was true once
 * is true for ever, for each tree that was made of the blob. An image that names the blob with another diffID is wrong.
 */
import { readFile } from "node:fs/promises"
import type * as Effect from "effect/Effect"
import type { FileSystemFailed } from "../../api/errors.ts"
import { ifMissing, syscall } from "../../fs/syscall.ts"
import { writeAtomic } from "../../fs/writeAtomic.ts"
import type { Digest } from "../../image/reference/Digest.ts"

export interface Proofs {
  /** The diffID that this blob was proven with; `undefined` where no one has. */
  readonly find: (digest: Digest) => Effect.Effect<string | undefined, FileSystemFailed>
  /** To be kept before the tree gets its name. */
  readonly keep: (digest: Digest, diffId: Digest) => Effect.Effect<void, FileSystemFailed>
}

export const makeProofs = (pathOf: (digest: Digest) => string): Proofs => ({
  find: (digest) => {
    const path = pathOf(digest)
    return ifMissing(syscall("read", path, () => readFile(path, "utf8")))
  },
  keep: (digest, diffId) => {
    const path = pathOf(digest)
    return writeAtomic(path, Buffer.from(diffId), `${path}.tmp`, { lasting: false })
  }
})
