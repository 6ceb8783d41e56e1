/** The image's name with its digest: what to pull to get this very image again. */
import * as Effect from "effect/Effect"
import { printable } from "../../api/errors.ts"
import type { PulledImage } from "../../api/events.ts"
import { formatLocal, parseLocal } from "../../source/file/LocalReference.ts"

export const referenceWithDigest = Effect.fnUntraced(function* ({ reference, digest }: PulledImage) {
  if (reference.includes("@")) return printable(reference)
  const local = yield* Effect.orElseSucceed(parseLocal(reference), () => undefined)
  if (local === undefined) return printable(`${reference}@${digest}`)
  const { transport, path } = local
  return printable(`${formatLocal({ transport, path })}:@${digest}`)
})
