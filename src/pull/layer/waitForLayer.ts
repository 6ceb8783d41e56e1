/**
 * How long a pull waits for a layer that another pull, in this or another process, is downloading. If the other pull's
 * registry stalls, a pull with another registry need not wait for it.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Reason } from "../../api/errors.ts"
import type { ResolvedLayer } from "../../registry/Registry.ts"
import { Blobs } from "../../store/blobs/Blobs.ts"
import { Locks } from "../../store/locks/Locks.ts"

/** Milliseconds between two checks of the download's progress. */
export const pollInterval = 5000
/**
 * Milliseconds that another's download may take, elapsed or projected from its rate, before a pull with another source
 * stops waiting.
 */
export const longestWait = 60_000

export interface StallOptions<R> {
  readonly layer: Pick<ResolvedLayer, "digest" | "size">
  /** Whether its bytes come from another place than ours would. */
  readonly isElsewhere: Effect.Effect<boolean>
  /** Whether the layer is in the store. */
  readonly isDone: Effect.Effect<boolean, unknown, R>
}

/**
 * Completes once the layer is in the store, or its download is too slow. A complete download is always waited for,
 * since it only has to be extracted.
 */
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

/** Waits for a layer's lock. `false`: the wait was too long, and the lock was not acquired. */
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
