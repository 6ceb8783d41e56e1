/** An image → its rule → its signatures, from the store or from its registry → whether the rule is satisfied. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Limits } from "../api/config.ts"
import { NotCached, type Reason } from "../api/errors.ts"
import type { Emit } from "../api/events.ts"
import type { SignatureOptions } from "../api/signatures.ts"
import { parseDigest } from "../image/reference/Digest.ts"
import type { Registry } from "../registry/Registry.ts"
import type { Origin } from "../source/Origin.ts"
import type { SignedDocument } from "./check/judge.ts"
import { makeTally, type Tally } from "./check/Tally.ts"
import { decodeEvidence, encodeEvidence } from "./evidence.ts"
import type { Candidate } from "./gather/Candidate.ts"
import { offerTagged } from "./gather/cosignTag.ts"
import { type Gathering, tooMany } from "./gather/Gathering.ts"
import { offerReferrers } from "./gather/referrers.ts"
import type { Evidence, ImageToCheck, Verified } from "./ImageToCheck.ts"
import { askFunction } from "./rules/askFunction.ts"
import { compileRules } from "./rules/compileRules.ts"
import { type FoundRule, findRule } from "./rules/findRule.ts"
import { readPolicy } from "./rules/readPolicy.ts"

export interface CheckOptions {
  readonly verify: SignatureOptions
  readonly limits: Limits
  readonly registry: Registry["Service"]
  readonly evidence: Evidence | undefined
}

const notKept = Effect.suspend(() =>
  Effect.fail(
    new NotCached({ platform: "any platform", problem: "no signature in the store satisfies the rule of `verify`" })
  )
)

/** What the reference names, then the platform's manifest. */
const documentsOf = (
  { registry, evidence }: CheckOptions,
  { digest, manifestDigest, bytesOf, isOffline }: ImageToCheck,
  { reference }: FoundRule,
  emit: Emit
): ReadonlyArray<SignedDocument> =>
  [...new Set([digest, manifestDigest])].map((digest) => ({
    digest,
    bytes: Effect.suspend(() => {
      const known = bytesOf?.(digest)
      if (known !== undefined) return Effect.succeed(known)
      return Effect.gen(function* () {
        const stored = yield* evidence?.document(digest) ?? Effect.undefined
        if (stored !== undefined) return stored
        if (isOffline === true) return yield* notKept
        const pin = { _tag: "Pin", digest: yield* parseDigest(digest) } as const
        return (yield* registry.documents(reference, emit).manifest(pin)).document.bytes
      })
    })
  }))

const counter = (limits: Limits, subject: string): Gathering["count"] => {
  let seen = 0
  return Effect.suspend(() => {
    const maximum = limits.signatures
    return ++seen > maximum ? Effect.fail(tooMany(maximum, "signatures and other referrers", subject)) : Effect.void
  })
}

/** True: the rule is satisfied. A place that cannot be read is no place without signatures: that is told, unless another has some. */
const gather = Effect.fnUntraced(function* (
  { registry, limits }: CheckOptions,
  documents: ReadonlyArray<SignedDocument>,
  { reference }: FoundRule,
  tally: Tally,
  emit: Emit
): Effect.fn.Return<boolean, Reason> {
  let trouble: Reason | undefined
  for (const document of documents) {
    const digest = yield* parseDigest(document.digest)
    const gathering: Gathering = { registry, reference, limits, emit, count: counter(limits, digest) }
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

/** Those that the store keeps: only what satisfies the rule of today counts. */
const recheck = Effect.fnUntraced(function* (
  { evidence }: CheckOptions,
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
const keep = Effect.fnUntraced(function* (
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

const rulesOf = (verify: Exclude<SignatureOptions, (...args: never) => unknown>) =>
  "policyFile" in verify ? readPolicy(verify) : Effect.succeed(compileRules(verify))

/** Whether the rule for an image asks for signatures. Fails where it refuses each image. */
export const asksFor = Effect.fnUntraced(function* ({ verify }: CheckOptions, origin: Origin) {
  if (typeof verify === "function") return true
  return (yield* findRule(yield* rulesOf(verify), origin, origin.name)) !== undefined
})

export const checkImage = Effect.fn("ociflow.signatures")(function* (
  options: CheckOptions,
  image: ImageToCheck,
  emit: Emit
): Effect.fn.Return<Verified, Reason> {
  const { verify, evidence } = options
  if (typeof verify === "function") return yield* askFunction(verify, image)
  const found = yield* findRule(yield* rulesOf(verify), image.origin, image.digest)
  if (found === undefined) return undefined
  const documents = documentsOf(options, image, found, emit)
  const kept = makeTally(found)
  if (yield* recheck(options, documents, kept)) return kept.verified()
  if (image.isOffline === true) return yield* notKept
  const tally = makeTally(found)
  if (!(yield* gather(options, documents, found, tally, emit))) return yield* Effect.fail(tally.refusal(image.digest))
  for (const { digest } of documents) {
    const used = tally.used().filter((it) => it.digest === digest)
    const found = used.map(({ candidate }) => candidate)
    if (evidence !== undefined && used.length > 0) yield* keep(evidence, digest, found, options.limits)
  }
  return tally.verified()
})
