/** A blob that is only fetched: into what is kept of it, no further. */
import * as Effect from "effect/Effect"
import { asyncScheduler, map, type Observable, scan, tap, throttleTime } from "rxjs"
import { isReason, type Reason } from "../../api/errors.ts"
import type { Emit, LayerProgress } from "../../api/events.ts"
import { verify } from "../../layer/worker/verify.ts"
import { drain } from "../../reactive/bridge.ts"
import { Gate } from "../../reactive/Gate.ts"
import type { ResolvedLayer } from "../../registry/Registry.ts"
import type { BlobLayout } from "../../store/blobs/BlobLayout.ts"
import { type LayerDownload, layerBytes$ } from "./extractLayer.ts"

/** Milliseconds between two events of one layer. */
const progressInterval = 50

/** To its end, told as it arrives. */
export const download = (
  bytes$: Observable<Uint8Array>,
  { digest, size }: ResolvedLayer,
  emit: Emit
): Effect.Effect<unknown, Reason> =>
  drain(isReason)(
    bytes$.pipe(
      scan((received, chunk) => received + chunk.length, 0),
      throttleTime(progressInterval, asyncScheduler, { leading: true, trailing: true }),
      map((received): LayerProgress => {
        return { _tag: "LayerProgress", digest, size, received, consumed: 0, inflated: 0, entries: 0 }
      }),
      tap(emit)
    )
  )

/** For a layer whose tree is there already: its blob is proven by its digest alone. */
export const fetchBlob = (wanted: LayerDownload, blobs: BlobLayout, emit: Emit): Effect.Effect<void, Reason> =>
  Effect.gen(function* () {
    const { layer, partial: kept } = wanted
    const { digest, size } = layer
    emit({ _tag: "LayerStarted", digest, size, offset: kept.size() })
    const context = yield* Effect.context<never>()
    yield* download(layerBytes$(wanted, new Gate(), emit, context).pipe(verify("blob", digest, size)), layer, emit)
    yield* blobs.keep(digest, kept)
  })
