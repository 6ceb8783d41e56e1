/**
 * If a blob proves wrong, its partial blob is discarded. If some of its bytes were kept from an earlier pull or came
 * from a mirror, it is downloaded again, once.
 */
import * as Effect from "effect/Effect"
import type { Reason } from "../../api/errors.ts"
import { PullEvents } from "../events/PullEvents.ts"
import type { LayerDownload } from "./LayerDownload.ts"

/**
 * The blob does not match its digest or size. All other errors are about verified bytes, which a second download would
 * not change.
 */
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
              ? Effect.map(source.reportMismatch(layer.digest, emit), (canRetry) => canRetry || resumed)
              : Effect.succeed(false)
        })
      )
    })
