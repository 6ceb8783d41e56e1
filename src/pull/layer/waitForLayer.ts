/**
 * How long a pull waits for a layer that another pull, here or in another process, is downloading. That one may do so from a
 * registry that stalls; a pull that has another one need not wait for that.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Reason } from "../../api/errors.ts"
import type { ResolvedLayer } from "../../registry/Registry.ts"
import { Blobs } from "../../store/blobs/Blobs.ts"
import { Locks } from "../../store/locks/Locks.ts"

/** Milliseconds between two looks at how far the download is. */
export const pollInterval = 5000
/** Milliseconds that a download may take altogether, by its rate or in fact, while somebody else could do it. */
export const longestWait = 60_000

export interface StallOptions<R> {
  readonly layer: Pick<ResolvedLayer, "digest" | "size">
  /** Its bytes come from another place than ours would. */
  readonly isElsewhere: Effect.Effect<boolean>
  /** Nothing is left to be done for it. */
  readonly isDone: Effect.Effect<boolean, unknown, R>
}

/** Done once the layer is there, or its download is too slow. What is whole is waited for: it only has to be extracted. */
export const untilStalled = <R>({
  layer: { digest, size },
  isElsewhere,
  isDone
}: StallOptions<R>): Effect.Effect<void, never, Blobs | R> =>
  Effect.gen(function* () {
    const { partialsOf } = yield* Blobs
    const arrived = Effect.map(partialsOf([digest]), ([blob]) => blob?.bytes ?? 0)
    let before = yield* arrived
    for (let waited = pollInterval; !(yield* isDone); waited += pollInterval) {
      yield* Effect.sleep(pollInterval)
      const now = yield* arrived
      const left = size - now
      const isSoon = (now - before) * (longestWait / pollInterval) >= left
      before = now
      if (left > 0 && (!isSoon || waited >= longestWait) && (yield* isElsewhere)) return
    }
  }).pipe(Effect.catch(() => Effect.never))

export interface WaitOptions<R> extends Omit<StallOptions<R>, "isElsewhere"> {
  /** Where our bytes would come from. */
  readonly place: string
}

/** Waits for a layer's lock. `false`: its holder was waited for long enough, and the lock is not had. */
export const waitForLayer = Effect.fnUntraced(function* <R>({
  layer,
  place,
  isDone
}: WaitOptions<R>): Effect.fn.Return<boolean, Reason, Blobs | Locks | Scope.Scope | R> {
  const { lock, holderOf } = yield* Locks
  const isElsewhere = Effect.map(holderOf(layer.digest), (holder) => holder !== place)
  return yield* Effect.raceFirst(
    Effect.as(lock(layer.digest, { note: place }), true),
    Effect.as(untilStalled({ layer, isElsewhere, isDone }), false)
  )
})
