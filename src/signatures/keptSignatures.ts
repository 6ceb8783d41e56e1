/** Signatures in the store: what satisfied a rule once is kept, and proven again by the rule of today. */
import * as Effect from "effect/Effect"
import type { Limits } from "../api/config.ts"
import type { Reason } from "../api/errors.ts"
import type { SignedDocument } from "./check/judge.ts"
import type { Tally } from "./check/Tally.ts"
import { decodeEvidence, encodeEvidence } from "./evidence.ts"
import type { Candidate } from "./gather/Candidate.ts"
import type { Evidence } from "./ImageToCheck.ts"

/** Those that the store keeps: only what satisfies the rule of today counts. */
export const recheck = Effect.fnUntraced(function* (
  evidence: Evidence | undefined,
  documents: ReadonlyArray<SignedDocument>,
  tally: Tally
): Effect.fn.Return<boolean, Reason> {
  if (evidence === undefined) return false
  for (const document of documents) {
    const text = yield* evidence.find(document.digest)
    for (const candidate of text === undefined ? [] : yield* decodeEvidence(text))
      if (yield* tally.add(candidate, document)) return true
  }
  return false
})

/** Beside those that other rules were satisfied by, of which no more are kept than are looked at. */
export const keep = Effect.fnUntraced(function* (
  evidence: Evidence,
  digest: string,
  found: ReadonlyArray<Candidate>,
  limits: Limits
) {
  const text = yield* evidence.find(digest)
  const before = text === undefined ? [] : yield* decodeEvidence(text)
  const all = new Map([...found, ...before].map((it) => [JSON.stringify(it), it]))
  yield* evidence.keep(digest, encodeEvidence([...all.values()].slice(0, Math.max(found.length, limits.signatures))))
})
