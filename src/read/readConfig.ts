/** An image's config without a pull: from the store if the image is there, from its source otherwise. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { ConfigOptions } from "../api/config.ts"
import type { Reason } from "../api/errors.ts"
import type { ImageConfig } from "../api/results/ImageConfig.ts"
import { imageConfigOf } from "../image/imageConfigOf.ts"
import { findCached, whyNotCached } from "../pull/decideCache.ts"
import { PullEvents } from "../pull/events/PullEvents.ts"
import { ImageSources } from "../pull/ImageSources.ts"
import { readRequest } from "../pull/PullRequest.ts"
import { checkFound, checkStored } from "../pull/verify/checkSignatures.ts"
import type { Signatures } from "../signatures/Signatures.ts"
import type { Blobs } from "../store/blobs/Blobs.ts"
import type { Catalogue } from "../store/catalogue/Catalogue.ts"
import type { Trees } from "../store/trees/Trees.ts"

export const readConfig = Effect.fn("ociflow.config")(function* (
  reference: string,
  options: ConfigOptions
): Effect.fn.Return<ImageConfig, Reason, Blobs | Catalogue | ImageSources | Scope.Scope | Signatures | Trees> {
  const request = yield* readRequest(reference, options)
  const { origin, platform, policy } = request
  const source = policy === "never" ? undefined : yield* (yield* ImageSources).open(origin)
  const cached = yield* findCached(request, source)
  if (Option.isSome(cached)) {
    yield* checkStored(origin, cached.value, policy === "never")
    return cached.value.config
  }
  if (source === undefined) return yield* yield* whyNotCached(origin.name, platform)
  const image = yield* source.resolve(platform, yield* PullEvents)
  yield* checkFound(origin, image)
  return imageConfigOf(image.config.value)
}, Effect.scoped)
