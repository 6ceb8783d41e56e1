/** Extracts one layer: the kept bytes of its blob, then the rest from its source, through a worker into a directory. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { type Observable, tap } from "rxjs"
import { isReason } from "../../api/errors.ts"
import type { Emit, LayerProgress } from "../../api/events.ts"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { drain } from "../../reactive/bridge.ts"
import type { Gate } from "../../reactive/Gate.ts"
import type { ResolvedLayer } from "../../registry/Registry.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import type { PartialBlob } from "../../store/blobs/PartialBlob.ts"
import { PullEvents } from "../events/PullEvents.ts"

/** A layer, the source of its bytes, and where they are kept. */
export interface LayerDownload {
  readonly source: ImageSource
  readonly layer: ResolvedLayer
  readonly partial: PartialBlob
}

/** Kept bytes come first, through the same pipe, so that they are hashed again. */
export const layerBytes$ = (
  { source, layer, partial }: LayerDownload,
  gate: Gate,
  emit: Emit,
  context: Context.Context<never>
): Observable<Uint8Array> =>
  partial.bytes$(gate, (gate, offset) => source.blob$(layer, gate, { offset, emit, context }))

/** Kept bytes have been received, though they are read again. */
export const countKept = (kept: number) => (event: LayerProgress) =>
  event.received < kept ? { ...event, received: kept } : event

/** `directory` may be written to until `pool.settled` completes. */
export const extractLayer = Effect.fnUntraced(function* (download: LayerDownload, directory: string) {
  const pool = yield* ExtractionPool
  const emit = yield* PullEvents
  const context = yield* Effect.context<never>()
  const counted = countKept(download.partial.size())
  const bytes$ = (gate: Gate) => layerBytes$(download, gate, emit, context)
  const extracting$ = pool.extract$({ ...download.layer, directory }, bytes$).pipe(
    tap((event) => {
      if (event._tag !== "Extracted") emit(event._tag === "LayerProgress" ? counted(event) : event)
    })
  )
  const last = yield* drain(isReason)(extracting$)
  return last?._tag === "Extracted" ? last : yield* Effect.die(new Error("an extraction ended without its result"))
})
