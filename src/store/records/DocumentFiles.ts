/**
 * Indexes, manifests and configs as files: `documents/<algorithm>/<hex>`. Small ones are not synced, since a document that does not
 * match its digest is ignored; those that are in no row are.
 */
import { createHash } from "node:crypto"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { notRegular, readRegular } from "../../fs/openRegular.ts"
import { ifMissing, recoverFrom, syscall } from "../../fs/syscall.ts"
import { writeAtomic } from "../../fs/writeAtomic.ts"
import { algorithmOf, hexOf, isDigest, isHashable } from "../../image/reference/Digest.ts"
import type { RecordedDocument } from "./ImageRecord.ts"
import { isInRow } from "./isInRow.ts"

/** In hexadecimal digits. */
export const hashOf = (algorithm: string, bytes: Uint8Array | string) =>
  createHash(algorithm).update(bytes).digest("hex")

const pathOf = (root: string, digest: string) => join(root, "documents", algorithmOf(digest), hexOf(digest))

/** The largest document or record that is read, whatever `limits.documentBytes` allowed when it was pulled. */
export const mostBytes = 2 ** 28

const isProven = (digest: string, bytes: Uint8Array): boolean =>
  isDigest(digest) && isHashable(digest) && hashOf(algorithmOf(digest), bytes) === hexOf(digest)

/** `undefined` if it is missing or does not match its digest. */
export const readDocument = Effect.fnUntraced(function* (root: string, digest: string) {
  if (!isDigest(digest)) return undefined
  const path = pathOf(root, digest)
  const bytes = yield* syscall("read", path, () => readRegular(path, mostBytes)).pipe(
    ifMissing,
    recoverFrom(["EFBIG", ...notRegular], undefined)
  )
  return bytes !== undefined && isProven(digest, bytes) ? bytes : undefined
})

/** To be called under the catalogue's lock, since the names of temporary files are shared. */
export const writeDocument = Effect.fnUntraced(function* (root: string, { digest, bytes }: RecordedDocument) {
  if (!isDigest(digest) || (yield* readDocument(root, digest)) !== undefined) return
  const path = pathOf(root, digest)
  yield* writeAtomic(path, bytes, `${path}.tmp`, { lasting: !isInRow(bytes.length) })
})
