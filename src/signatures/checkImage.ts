/** An image → its rule → its signatures, from the store or from its registry → whether the rule is satisfied. */
import * as Effect from "effect/Effect"
import type { Limits } from "../api/config.ts"
import { NotCached, type Reason } from "../api/errors.ts"
import type { Emit } from "../api/events.ts"
import type { SignatureOptions } from "../api/signatures.ts"
import { parseDigest } from "../image/reference/Digest.ts"
import type { Registry } from "../registry/Registry.ts"
import type { Origin } from "../source/Origin.ts"
import type { SignedDocument } from "./check/judge.ts"
import { makeTally } from "./check/Tally.ts"
import { gatherSignatures } from "./gather/gatherSignatures.ts"
import type { Evidence, ImageToCheck, Verified } from "./ImageToCheck.ts"
import { keep, recheck } from "./keptSignatures.ts"
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
  Effect.fail(new NotCached({ problem: "no signature in the store satisfies the rule of `verify`" }))
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
  if (yield* recheck(evidence, documents, kept)) return kept.verified()
  if (image.isOffline === true) return yield* notKept
  const tally = makeTally(found)
  const place = { registry: options.registry, limits: options.limits, reference: found.reference, emit }
  if (!(yield* gatherSignatures(place, documents, tally))) return yield* Effect.fail(tally.refusal(image.digest))
  for (const { digest } of documents) {
    const used = tally.used().filter((it) => it.digest === digest)
    const found = used.map(({ candidate }) => candidate)
    if (evidence !== undefined && used.length > 0) yield* keep(evidence, digest, found, options.limits)
  }
  return tally.verified()
})
