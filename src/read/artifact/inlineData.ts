/** Content within a descriptor (image-spec, descriptor.md, "Embedded Content"), proven as if it had been downloaded. */
import * as Effect from "effect/Effect"
import { DigestMismatch, type Reason, SizeMismatch } from "../../api/errors.ts"
import type { Descriptor } from "../../image/Descriptor.ts"
import { algorithmOf, parseDigest } from "../../image/reference/Digest.ts"
import { digestOf } from "../../registry/documents.ts"

/** `undefined` where the descriptor has none. */
export const inlineData = Effect.fnUntraced(function* (
  descriptor: Descriptor
): Effect.fn.Return<Uint8Array | undefined, Reason> {
  const { data, size } = descriptor
  if (data === undefined) return undefined
  const digest = yield* parseDigest(descriptor.digest)
  const bytes = Buffer.from(data, "base64")
  if (bytes.length !== size) return yield* new SizeMismatch({ subject: "blob", expected: size, actual: bytes.length })
  const actual = digestOf(algorithmOf(digest), bytes)
  return actual === digest ? bytes : yield* new DigestMismatch({ subject: "blob", expected: digest, actual })
})
