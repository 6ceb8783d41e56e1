/**
 * Signatures under the tag that cosign makes of a digest, `sha256-<hex>.sig`: a manifest whose layers are payloads, each with
 * its signature in an annotation (cosign, specs/SIGNATURE_SPEC.md).
 */
import * as Effect from "effect/Effect"
import type { Reason } from "../../api/errors.ts"
import type { Descriptor } from "../../image/Descriptor.ts"
import { algorithmOf, hexOf } from "../../image/reference/Digest.ts"
import type { Candidate } from "./Candidate.ts"
import { type Gathering, isItsOwn, type Offer, readSmall, unusable } from "./Gathering.ts"

const payloadType = "application/vnd.dev.cosign.simplesigning.v1+json"
const signatureKey = "dev.cosignproject.cosign/signature"

const annotated = {
  certificate: "dev.sigstore.cosign/certificate",
  chain: "dev.sigstore.cosign/chain",
  logEntry: "dev.sigstore.cosign/bundle",
  timestamp: "dev.sigstore.cosign/rfc3161timestamp"
} as const

/** One payload, with its signature. */
export const readPayload = Effect.fnUntraced(function* (gathering: Gathering, layer: Descriptor) {
  const { annotations = {}, digest } = layer
  const signature = annotations[signatureKey]
  if (signature === undefined) return unusable(digest, `it has no annotation ${signatureKey}`)
  const bytes = yield* readSmall(gathering, layer)
  const more = Object.entries(annotated).flatMap(([field, key]) => {
    const value = annotations[key]
    return value === undefined || value === "" ? [] : [[field, value]]
  })
  const found: Candidate = {
    _tag: "SimpleSigning",
    name: digest,
    payload: Buffer.from(bytes).toString("base64"),
    signature,
    ...Object.fromEntries(more)
  }
  return found
})

export const isPayload = ({ mediaType }: Pick<Descriptor, "mediaType">) => mediaType === payloadType

/** Each payload of a manifest of signatures. True: enough. */
export const offerPayloads = Effect.fnUntraced(function* (
  gathering: Gathering,
  layers: ReadonlyArray<Descriptor>,
  offer: Offer
) {
  for (const layer of layers.filter(isPayload)) {
    yield* gathering.count
    const found = yield* readPayload(gathering, layer).pipe(
      Effect.catchIf(isItsOwn, (reason) => Effect.succeed(unusable(layer.digest, reason.message)))
    )
    if (yield* offer(found)) return true
  }
  return false
})

/** Those of one document. True: enough. */
export const offerTagged = Effect.fnUntraced(function* (
  gathering: Gathering,
  digest: string,
  offer: Offer
): Effect.fn.Return<boolean, Reason> {
  const { registry, reference, emit } = gathering
  const tag = `${algorithmOf(digest)}-${hexOf(digest)}.sig`
  if (tag.length > 128) return false
  const found = yield* registry
    .documents(reference, emit)
    .manifest({ _tag: "Tag", tag })
    .pipe(
      Effect.catchIf(isItsOwn, (reason) =>
        reason._tag === "ManifestNotFound"
          ? Effect.undefined
          : Effect.as(offer(unusable(tag, reason.message)), undefined)
      )
    )
  return found?._tag === "Manifest" ? yield* offerPayloads(gathering, found.document.value.layers, offer) : false
})
