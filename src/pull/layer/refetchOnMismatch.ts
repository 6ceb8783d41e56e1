/**
 * Bytes that turned out wrong were kept wrong by an earlier pull, or a mirror lied: what is kept goes, and the registry's own
 * bytes get their chance, once.
 */
import * as Effect from "effect/Effect"
import type { Reason } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import { isBlobMismatch } from "../isBlobMismatch.ts"
import type { LayerDownload } from "./extractLayer.ts"

export const refetchOnMismatch =
  ({ source, layer, partial: kept }: LayerDownload, emit: Emit) =>
  <A, R>(work: Effect.Effect<A, Reason, R>): Effect.Effect<A, Reason, R> =>
    Effect.suspend(() => {
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
