/**
 * How long a pull waits for a layer that another pull, here or in another process, has in hand. Whoever downloads it may
 * do so from a registry that stalls; a pull that has another one need not wait for that.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Reason } from "../../api/errors.ts"
import type { ResolvedLayer } from "../../registry/Registry.ts"
import type { Store } from "../../store/Store.ts"

/** Milliseconds between two looks at how far the download is. */
export const lookEvery = 5000
/** Milliseconds that a download may take altogether, by its rate or in fact, while somebody else could do it. */
export const longest = 60_000

export interface WaitOptions {
  readonly store: Pick<Store["Service"], "kept">
  readonly layer: Pick<ResolvedLayer, "digest" | "size">
  /** Its bytes come from another place than ours would. */
  readonly isElsewhere: Effect.Effect<boolean>
  /** Nothing is left to be done for it. */
  readonly isThere: Effect.Effect<boolean, unknown>
}

/** Done once there is nothing to wait for, or no reason to. What is whole is waited for: it only has to be extracted. */
export const untilOverdue = ({
  store,
  layer: { digest, size },
  isElsewhere,
  isThere
}: WaitOptions): Effect.Effect<void> =>
  Effect.gen(function* () {
    const arrived = Effect.map(store.kept([digest]), ([blob]) => blob?.bytes ?? 0)
    let before = yield* arrived
    for (let waited = lookEvery; !(yield* isThere); waited += lookEvery) {
      yield* Effect.sleep(lookEvery)
      const now = yield* arrived
      const left = size - now
      const isSoon = (now - before) * (longest / lookEvery) >= left
      before = now
      if (left > 0 && (!isSoon || waited >= longest) && (yield* isElsewhere)) return
    }
  }).pipe(Effect.catch(() => Effect.never))

export interface TurnOptions extends Omit<WaitOptions, "store" | "isElsewhere"> {
  readonly store: Pick<Store["Service"], "kept" | "lock" | "holderOf">
  readonly place: string
}

/** Waits for a layer's lock. `false`: its holder was waited for long enough, and the lock is not had. */
export const takeTurn = ({
  store,
  layer,
  place,
  isThere
}: TurnOptions): Effect.Effect<boolean, Reason, Scope.Scope> => {
  const isElsewhere = Effect.map(store.holderOf(layer.digest), (holder) => holder !== place)
  return Effect.raceFirst(
    Effect.as(store.lock(layer.digest, { note: place }), true),
    Effect.as(untilOverdue({ store, layer, isElsewhere, isThere }), false)
  )
}
