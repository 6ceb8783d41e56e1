/** What it takes to gather the signatures of a document. */
import * as Effect from "effect/Effect"
import type { Limits } from "../../api/config.ts"
import { isReason, LimitExceeded, printable, type Reason } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import type { Descriptor } from "../../image/Descriptor.ts"
import { type Digest, parseDigest } from "../../image/reference/Digest.ts"
import type { Reference } from "../../image/reference/Reference.ts"
import { verifyDigest } from "../../layer/verifyDigest.ts"
import { drain } from "../../reactive/bridge.ts"
import { concatBytes } from "../../reactive/concatBytes.ts"
import { Gate } from "../../reactive/Gate.ts"
import type { Registry } from "../../registry/Registry.ts"
import type { Candidate, Unusable } from "./Candidate.ts"

export interface Gathering {
  readonly registry: Registry["Service"]
  readonly reference: Reference
  readonly limits: Limits
  readonly emit: Emit
  /** To be called for each that is looked at. Fails with `LimitExceeded` after `limits.signatures`. */
  readonly count: Effect.Effect<void, LimitExceeded>
}

/** Takes what was found; true: enough. */
export type Offer = (found: Candidate | Unusable) => Effect.Effect<boolean, Reason>

export const tooMany = (maximum: number, unit: string, subject: string): LimitExceeded =>
  new LimitExceeded({ limit: "signatures", maximum, unit, subject })

/** In the words of an error, of what a stranger named. */
export const shortName = (text: string): string => printable(text, 100)

export const unusable = (name: string, problem: string): Unusable => ({
  _tag: "Unusable",
  name: shortName(name),
  problem
})

/** What is wrong with one signature is no reason to look at no other: trouble with the registry is. */
export const isItsOwn = (reason: Reason): boolean =>
  !(reason._tag === "LimitExceeded" && reason.limit === "signatures") &&
  /^(?:BlobNotFound|ManifestNotFound|DigestMismatch|SizeMismatch|LimitExceeded|InvalidManifest|InvalidResponse|Unsupported\w+)$/.test(
    reason._tag
  )

/** A small blob, proven: a payload or a bundle. */
export const readSmall = Effect.fnUntraced(function* (
  { registry, reference, limits, emit }: Gathering,
  descriptor: Pick<Descriptor, "digest" | "size">
): Effect.fn.Return<Uint8Array, Reason> {
  const digest: Digest = yield* parseDigest(descriptor.digest)
  const { size } = descriptor
  const maximum = limits.documentBytes
  if (size > maximum)
    return yield* new LimitExceeded({ limit: "documentBytes", maximum, unit: "bytes", subject: digest })
  const context = yield* Effect.context<never>()
  const bytes$ = registry.blob$(reference, { digest, size }, new Gate(), { emit, context })
  const bytes = yield* drain(isReason)(bytes$.pipe(verifyDigest("blob", digest, size), concatBytes))
  return bytes ?? new Uint8Array()
})
