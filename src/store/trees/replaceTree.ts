/**
 * A tree that nothing proves, after a power cut perhaps, gives its name to one that was just proven. A tree that
 * somebody holds stays: it would go from beneath a running program.
 */
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { heldDigests } from "../locks/Holds.ts"
import { takeAway } from "./gone.ts"
import type { CleanerOptions } from "./neededTrees.ts"
import { discard, publish } from "./Staging.ts"

/** Whoever asks holds the digest's lock. `false` where the old tree stays; what was staged is then removed. */
export const replaceTree = Effect.fnUntraced(function* (
  { root, area }: Pick<CleanerOptions, "root" | "area">,
  staging: string,
  target: string,
  digest: string
) {
  const isHeld = yield* heldDigests(root)
  if (isHeld(digest)) {
    yield* discard(staging)
    return false
  }
  const aside = join(yield* area, randomUUID())
  yield* takeAway(target, aside)
  yield* publish(staging, target)
  // Left to whoever sweeps staging areas, where it cannot be removed now.
  yield* Effect.ignore(discard(aside))
  return true
})
