/** The option `verify`, wherever an image is about to be used: nothing of its layers is downloaded or read before this succeeds. */
import * as Effect from "effect/Effect"
import type { Emit, PulledImage } from "../../api/events.ts"
import type { FoundImage } from "../../registry/Registry.ts"
import type { Verified } from "../../signatures/ImageToCheck.ts"
import { Signatures } from "../../signatures/Signatures.ts"
import type { Origin } from "../../source/Origin.ts"
import { PullEvents } from "../events/PullEvents.ts"

/** Checks the signatures of an image, or of an artifact, whose documents came from its source. */
export const checkFound = Effect.fnUntraced(function* (
  origin: Origin,
  { digest, index, manifest }: Pick<FoundImage, "digest" | "index" | "manifest">,
  listener?: Emit
) {
  const { check } = yield* Signatures
  const documents = new Map([index, manifest].map((it) => [it?.descriptor.digest as string, it?.bytes]))
  const manifestDigest = manifest.descriptor.digest
  return yield* check(
    { origin, digest, manifestDigest, bytesOf: (it) => documents.get(it) },
    listener ?? (yield* PullEvents)
  )
})

/** `isOffline`: the registry is not asked. */
export const checkStored = Effect.fnUntraced(function* (
  origin: Origin,
  { digest, manifestDigest }: Pick<PulledImage, "digest" | "manifestDigest">,
  isOffline: boolean
) {
  const { check } = yield* Signatures
  return yield* check({ origin, digest, manifestDigest, isOffline }, yield* PullEvents)
})

export const withSignatures = (image: PulledImage, verified: Verified): PulledImage =>
  verified === undefined ? image : { ...image, verified }
