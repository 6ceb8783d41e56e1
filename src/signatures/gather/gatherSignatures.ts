/** Signatures of an image's documents, where its registry has them, until a rule is satisfied. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Limits } from "../../api/config.ts"
import type { Reason } from "../../api/errors.ts"
import { parseDigest } from "../../image/reference/Digest.ts"
import type { SignedDocument } from "../check/judge.ts"
import type { Tally } from "../check/Tally.ts"
import { offerTagged } from "./cosignTag.ts"
import { type Gathering, tooMany } from "./Gathering.ts"
import { offerReferrers } from "./referrers.ts"

const counter = (limits: Limits, subject: string): Gathering["count"] => {
  let seen = 0
  return Effect.suspend(() => {
    const maximum = limits.signatures
    return ++seen > maximum ? Effect.fail(tooMany(maximum, "signatures and other referrers", subject)) : Effect.void
  })
}

/** True: the rule is satisfied. A place that cannot be read is not a place without signatures: that is told, unless another has some. */
export const gatherSignatures = Effect.fnUntraced(function* (
  { limits, ...place }: Omit<Gathering, "count">,
  documents: ReadonlyArray<SignedDocument>,
  tally: Tally
): Effect.fn.Return<boolean, Reason> {
  let trouble: Reason | undefined
  for (const document of documents) {
    const digest = yield* parseDigest(document.digest)
    const gathering: Gathering = { ...place, limits, count: counter(limits, digest) }
    const offer: Parameters<typeof offerTagged>[2] = (found) => tally.add(found, document)
    for (const look of [offerTagged, offerReferrers]) {
      const looked = yield* Effect.result(look(gathering, digest, offer))
      if (Result.isSuccess(looked)) {
        if (looked.success) return true
      } else if (looked.failure._tag === "TrustUnavailable" || looked.failure._tag === "ModuleMissing") {
        return yield* Effect.fail(looked.failure)
      } else trouble ??= looked.failure
    }
  }
  return trouble === undefined ? false : yield* Effect.fail(trouble)
})
