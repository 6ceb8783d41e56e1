/**
 * Keeps an image where it is while a program uses it: until the scope closes, or the process dies, no cleaning up takes
 * its layers away, in whatever process.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { HoldOptions } from "../api/config.ts"
import type { Reason } from "../api/errors.ts"
import type { PulledImage } from "../api/events.ts"
import { hostPlatform, parsePlatform } from "../image/Platform.ts"
import { nameOf } from "../image/reference/LocalReference.ts"
import type { Store } from "../store/Store.ts"
import { whyNotCached } from "./whyNotCached.ts"

export const hold = Effect.fnUntraced(function* (
  store: Store["Service"],
  text: string,
  options: HoldOptions
): Effect.fn.Return<PulledImage, Reason, Scope.Scope> {
  const reference = yield* nameOf(text)
  const platform = options.platform === undefined ? hostPlatform() : yield* parsePlatform(options.platform)
  const scope = yield* Effect.scope
  return yield* Effect.gen(function* () {
    // As a pull does: no cleaning up begins between the look and the locks.
    yield* store.using
    const known = yield* store.find(reference, platform)
    if (Option.isNone(known)) return yield* yield* whyNotCached(store, reference, platform)
    const { manifestDigest, layers } = known.value
    yield* Scope.provide(store.hold([manifestDigest, ...layers.map(({ digest }) => digest)]), scope)
    return known.value
  }).pipe(Effect.scoped)
})
