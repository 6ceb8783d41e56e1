/**
 * The signatures that images were accepted with: `<root>/signatures/<digest>` has those of an index or a manifest, as they were
 * found. They are no verdict: they are checked again each time.
 */
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type { FileSystemFailed, Reason } from "../../api/errors.ts"
import { list } from "../../fs/directories.ts"
import { notRegular, readRegular } from "../../fs/openRegular.ts"
import { ifMissing, recoverFrom, syscall } from "../../fs/syscall.ts"
import { writeAtomic } from "../../fs/writeAtomic.ts"
import { readDocument } from "../records/DocumentFiles.ts"
import { removeTree } from "../trees/removeTree.ts"
import { fileName } from "../trees/TreePaths.ts"

/** Bytes of such a file: a bundle has some 10 KB, and a statement may be larger. */
const mostBytes = 2 ** 26

const directoryOf = (root: string) => join(root, "signatures")

export interface SignatureFiles {
  readonly find: (digest: string) => Effect.Effect<string | undefined, FileSystemFailed>
  readonly keep: (digest: string, text: string) => Effect.Effect<void, Reason>
  /** The bytes of an index or a manifest, proven; `undefined` where the store has none. */
  readonly document: (digest: string) => Effect.Effect<Uint8Array | undefined, FileSystemFailed>
}

/** `make`: creates the store's directories. */
export const makeSignatureFiles = (root: string, make: Effect.Effect<void, Reason>): SignatureFiles => {
  const pathOf = (digest: string) => join(directoryOf(root), fileName(digest))
  return {
    find: (digest) => {
      const path = pathOf(digest)
      return syscall("read", path, async () => (await readRegular(path, mostBytes)).toString()).pipe(
        ifMissing,
        recoverFrom(["EFBIG", ...notRegular], undefined)
      )
    },
    keep: Effect.fnUntraced(function* (digest, text) {
      yield* make
      const path = pathOf(digest)
      yield* writeAtomic(path, Buffer.from(text), `${path}.${randomUUID()}.tmp`, { lasting: false })
    }),
    document: (digest) => readDocument(root, digest)
  }
}

/** Removes those of documents that no image has. */
export const forgetSignatures = Effect.fnUntraced(function* (root: string, kept: ReadonlySet<string>) {
  const directory = directoryOf(root)
  const names = new Set([...kept].map(fileName))
  for (const name of yield* list(directory)) if (!names.has(name)) yield* removeTree(join(directory, name))
})
