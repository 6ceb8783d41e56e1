/**
 * Bytes that turned out wrong were kept wrong by an earlier pull, or a mirror lied: what is kept is discarded, and the layer is
 * fetched again, once.
 */
import * as Effect from "effect/Effect"
import type { Reason } from "../../api/errors.ts"
import { PullEvents } from "../events/PullEvents.ts"
import type { LayerDownload } from "./extractLayer.ts"

/** The blob is not what its name says. All other blame falls on bytes that are proven: fetching them again helps nobody. */
export const isBlobMismatch = (reason: Reason): boolean =>
  (reason._tag === "DigestMismatch" || reason._tag === "SizeMismatch") && reason.subject === "blob"

export const refetchOnMismatch =
  ({ source, layer, partial: kept }: LayerDownload) =>
  <A, R>(work: Effect.Effect<A, Reason, R>): Effect.Effect<A, Reason, R> =>
    Effect.flatMap(PullEvents, (emit) => {
      const resumed = kept.size() > 0
      return work.pipe(
        Effect.tapError((reason) => (isBlobMismatch(reason) ? kept.discard : Effect.void)),
        Effect.retry({
          times: 1,
          while: (reason) =>
            isBlobMismatch(reason)
              ? Effect.map(source.reportMismatch(layer.digest, emit), (lied) => lied || resumed)
              : Effect.succeed(false)
        })
      )
    })
