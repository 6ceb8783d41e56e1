/** Work on the bytes of a document, which may be many, in several turns of the event loop. */
import * as Effect from "effect/Effect"

/** Bytes that are looked at in one turn: some milliseconds. */
export const bytesOfTurn = 262_144

/** Calls `step` for one part after the other, up to all `bytes`. What fits into a turn is done at once. */
export const inTurns = Effect.fnUntraced(function* <E>(
  bytes: number,
  step: (start: number, end: number) => Effect.Effect<void, E>
): Effect.fn.Return<void, E> {
  for (let start = 0; start < bytes; start += bytesOfTurn) {
    yield* step(start, Math.min(start + bytesOfTurn, bytes))
    if (bytes > bytesOfTurn) yield* Effect.yieldNow
  }
})
