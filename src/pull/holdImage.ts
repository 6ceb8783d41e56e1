/** Holds an image while a program uses it: no process removes its layers until the scope closes or this process dies. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { HoldOptions } from "../api/config.ts"
import { nameOf } from "../source/file/LocalReference.ts"
import { originOf } from "../source/Origin.ts"
import { Catalogue } from "../store/catalogue/Catalogue.ts"
import { Locks } from "../store/locks/Locks.ts"
import { heldDigestsOf } from "../store/reuse/heldDigestsOf.ts"
import { whyNotCached } from "./decideCache.ts"
import { partOf } from "./Part.ts"
import { platformOf } from "./PullRequest.ts"
import { checkStored, withSignatures } from "./verify/checkSignatures.ts"

export const holdImage = Effect.fnUntraced(function* (text: string, options: HoldOptions) {
  const locks = yield* Locks
  const { find } = yield* Catalogue
  const reference = yield* nameOf(text)
  const platform = yield* platformOf(options.platform)
  const part = yield* partOf(options)
  const scope = yield* Effect.scope
  return yield* Effect.gen(function* () {
    // The lease of a pull: nothing is cleaned up between finding the image and locking its trees.
    yield* locks.lease
    const known = yield* find(reference, platform, part?.key)
    if (Option.isNone(known)) return yield* yield* whyNotCached(reference, platform, part)
    const verified = yield* checkStored(yield* originOf(text, {}), known.value, true)
    yield* Scope.provide(locks.hold(heldDigestsOf(known.value)), scope)
    return withSignatures(known.value, verified)
  }).pipe(Effect.scoped)
})
