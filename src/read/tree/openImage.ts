/** Where a tree is read from: the store if the image is there, its source otherwise. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import type { ConfigOptions } from "../../api/config.ts"
import type { Reason } from "../../api/errors.ts"
import type { PulledImage } from "../../api/events.ts"
import { findCached, findUnrecorded, whyNotCached } from "../../pull/decideCache.ts"
import { PullEvents } from "../../pull/events/PullEvents.ts"
import { ImageSources } from "../../pull/ImageSources.ts"
import { readRequest } from "../../pull/PullRequest.ts"
import { checkFound, checkStored } from "../../pull/verify/checkSignatures.ts"
import type { FoundImage } from "../../registry/Registry.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import { Locks } from "../../store/locks/Locks.ts"
import { heldDigestsOf } from "../../store/reuse/heldDigestsOf.ts"

export type OpenImage =
  /** Held until the scope closes. */
  | { readonly _tag: "Stored"; readonly image: PulledImage }
  | { readonly _tag: "Remote"; readonly source: ImageSource; readonly image: FoundImage }

export const openImage = Effect.fnUntraced(function* (reference: string, options: ConfigOptions) {
  const request = yield* readRequest(reference, options)
  const { origin, platform, policy } = request
  const locks = yield* Locks
  const scope = yield* Effect.scope
  /** The lease of a pull: nothing is cleaned up between finding the image and holding its trees. */
  const held = <R>(find: Effect.Effect<Option.Option<PulledImage>, Reason, R>) =>
    Effect.gen(function* () {
      yield* locks.lease
      const found = yield* find
      if (Option.isNone(found)) return undefined
      yield* Scope.provide(locks.hold(heldDigestsOf(found.value)), scope)
      yield* checkStored(origin, found.value, policy === "never")
      const stored: OpenImage = { _tag: "Stored", image: found.value }
      return stored
    }).pipe(Effect.scoped)
  const source = policy === "never" ? undefined : yield* (yield* ImageSources).open(origin)
  const cached = yield* held(findCached(request, source))
  if (cached !== undefined) return cached
  if (source === undefined) return yield* yield* whyNotCached(origin.name, platform)
  const resolved = yield* Effect.result(source.resolve(platform, yield* PullEvents))
  if (Result.isFailure(resolved)) {
    return (yield* held(findUnrecorded(request, source))) ?? (yield* Effect.fail(resolved.failure))
  }
  const image = resolved.success
  yield* checkFound(origin, image)
  const remote: OpenImage = { _tag: "Remote", source, image }
  return remote
})
