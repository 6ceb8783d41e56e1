/**
 * Which archive each blob was proven to hold: `<root>/proofs/<digest>` contains the diffID. Both are hashes, so a proof
 * stays true, for every tree that is made from the blob. An image that names the blob with another diffID is wrong.
 *
 * A power cut may leave a file empty or short. If it does not contain a digest, it is not a proof, and the layer is
 * extracted again.
 */
import * as Effect from "effect/Effect"
import type { FileSystemFailed } from "../../api/errors.ts"
import { readOwn } from "../../fs/openRegular.ts"
import { removeFile } from "../../fs/syscall.ts"
import { writeAtomic } from "../../fs/writeAtomic.ts"
import { type Digest, isDigest } from "../../image/reference/Digest.ts"

export interface Proofs {
  /** Path of the proof's file. */
  readonly pathOf: (digest: string) => string
  /** The diffID that this blob was proven to have; `undefined` if none. */
  readonly find: (digest: string) => Effect.Effect<Digest | undefined, FileSystemFailed>
  /** To be called before the tree gets its name. */
  readonly keep: (digest: Digest, diffId: Digest) => Effect.Effect<void, FileSystemFailed>
  /** For when the tree with that name is not the one that was verified. */
  readonly forget: (digest: Digest) => Effect.Effect<void, FileSystemFailed>
}

export const makeProofs = (pathOf: (digest: string) => string): Proofs => ({
  pathOf,
  find: (digest) => {
    const path = pathOf(digest)
    return Effect.map(readOwn(path), (text = "") => (isDigest(text) ? text : undefined))
  },
  keep: (digest, diffId) => {
    const path = pathOf(digest)
    return writeAtomic(path, Buffer.from(diffId), `${path}.tmp`, { lasting: false })
  },
  forget: (digest) => removeFile(pathOf(digest))
})
