/**
 * Signatures that refer to a document (OCI distribution-spec, "Listing Referrers"). What a list says of their type is only good
 * for their order: registries write other types there. The referrer's own manifest tells, and what it refers to.
 */
import * as Effect from "effect/Effect"
import { takeWhile, tap } from "rxjs"
import type { Limits } from "../../api/config.ts"
import { isReason, type LimitExceeded, type Reason } from "../../api/errors.ts"
import type { Descriptor } from "../../image/Descriptor.ts"
import { artifactTypeOf } from "../../image/Manifest.ts"
import type { Digest } from "../../image/reference/Digest.ts"
import { drain } from "../../reactive/bridge.ts"
import type { Candidate } from "./Candidate.ts"
import { isPayload, offerPayloads } from "./cosignTag.ts"
import { type Gathering, isItsOwn, type Offer, readSmall, tooMany, unusable } from "./Gathering.ts"

const bundleType = /^application\/vnd\.dev\.sigstore\.bundle(?:\.v\d+\.\d+)?\+json(?:;\s*version=\d+\.\d+)?$/
const notationType = "application/vnd.cncf.notary.signature"
const notation = "signatures of Notation (application/vnd.cncf.notary.signature)"

const mayBeSignature = (type: string | undefined): boolean => type !== undefined && /sigstore|cosign|notary/.test(type)

/**
 * Those that look like signatures first; no more than are looked at, and one that shows that there are more. Of a list that exceeds a
 * limit, those before it, and `exceeded`.
 */
const listed = Effect.fnUntraced(function* (gathering: Gathering, digest: Digest) {
  const { registry, reference, emit, limits } = gathering
  const likely: Array<Descriptor> = []
  const others: Array<Descriptor> = []
  const context = yield* Effect.context<never>()
  const keep = (referrer: Descriptor) => {
    const kept = mayBeSignature(referrer.artifactType) ? likely : others
    if (kept.length <= limits.signatures) kept.push(referrer)
  }
  const maximum = limits.signatures
  const referrers$ = registry.referrers$(reference, digest, undefined, { emit, context, pages: maximum })
  const exceeded = yield* drain(isReason)(
    referrers$.pipe(
      tap(keep),
      takeWhile(() => likely.length <= maximum)
    )
  ).pipe(
    Effect.as(undefined),
    Effect.catchIf(
      (reason) => reason._tag === "LimitExceeded",
      (reason) => Effect.succeed(isOurs(reason, limits) ? tooMany(maximum, "pages of referrers", digest) : reason)
    )
  )
  return { referrers: [...likely, ...others], exceeded }
})

/** A list is followed for no more pages than signatures are looked at. */
const isOurs = ({ limit, maximum }: LimitExceeded, { listPages, signatures }: Limits) =>
  limit === "listPages" && maximum === signatures && signatures < listPages

const subjectOf = (bytes: Uint8Array): unknown => {
  const { subject } = JSON.parse(Buffer.from(bytes).toString()) as { readonly subject?: { readonly digest?: unknown } }
  return subject?.digest
}

const offerReferrer = Effect.fnUntraced(function* (
  gathering: Gathering,
  digest: string,
  referrer: Descriptor,
  offer: Offer
): Effect.fn.Return<boolean, Reason> {
  const { registry, reference, emit } = gathering
  const found = yield* registry.documents(reference, emit).manifest({ _tag: "Entry", descriptor: referrer })
  if (found._tag === "Index") return false
  const { value, bytes } = found.document
  const type = artifactTypeOf(value)
  if (type === notationType)
    return yield* offer({ ...unusable(referrer.digest, `ociflow does not check ${notation}`), feature: notation })
  const bundles = value.layers.filter(({ mediaType }) => bundleType.test(mediaType))
  const isSignature = bundles.length > 0 || value.layers.some(isPayload)
  if (!isSignature) return false
  if (subjectOf(bytes) !== digest) return yield* offer(unusable(referrer.digest, "it refers to another document"))
  for (const [at, layer] of bundles.entries()) {
    if (at > 0) yield* gathering.count
    const text = Buffer.from(yield* readSmall(gathering, layer)).toString()
    const candidate: Candidate = { _tag: "Bundle", name: referrer.digest, text }
    if (yield* offer(candidate)) return true
  }
  return yield* offerPayloads(gathering, value.layers, offer)
})

/** Those of one document. True: enough. */
export const offerReferrers = Effect.fnUntraced(function* (gathering: Gathering, digest: Digest, offer: Offer) {
  const { referrers, exceeded } = yield* listed(gathering, digest)
  for (const referrer of referrers) {
    yield* gathering.count
    const enough = yield* offerReferrer(gathering, digest, referrer, offer).pipe(
      Effect.catchIf(isItsOwn, (reason) => offer(unusable(referrer.digest, reason.message)))
    )
    if (enough) return true
  }
  return exceeded === undefined ? false : yield* exceeded
})
