/** In place of what arrived of a blob: a file is read again. */
import * as Effect from "effect/Effect"
import { EMPTY } from "rxjs"
import type { PartialBlob } from "../store/blobs/PartialBlob.ts"

export const noPartial: PartialBlob = {
  size: () => 0,
  received: () => 0,
  bytes$: (gate, rest) => rest(gate, 0),
  arrival: (rest) => ({ ahead$: EMPTY, bytes$: (gate) => rest(gate, 0) }),
  moveTo: () => Effect.succeed(false),
  copyTo: () => Effect.succeed(false),
  discard: Effect.void
}
