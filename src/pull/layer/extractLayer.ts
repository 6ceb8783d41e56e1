/** Extracts one layer: the kept bytes of its blob, then the rest from its source, through a worker into a directory. */
import * as Effect from "effect/Effect"
import { tap } from "rxjs"
import { isReason } from "../../api/errors.ts"
import { ExtractionPool, type LayerJob } from "../../layer/pool/ExtractionPool.ts"
import { drain } from "../../reactive/bridge.ts"
import { PullEvents } from "../events/PullEvents.ts"
import type { LayerDownload } from "./LayerDownload.ts"
import { layerArrival } from "./layerArrival.ts"

export interface ExtractLayerOptions extends Pick<LayerJob, "hasLower"> {
  /** Called when the layer starts. Default: emits `LayerStarted`. */
  readonly started?: (() => void) | undefined
}

/** `directory` may be written to until `pool.settled` completes. */
export const extractLayer = Effect.fnUntraced(function* (
  download: LayerDownload,
  directory: string,
  { hasLower, started }: ExtractLayerOptions = {}
) {
  const pool = yield* ExtractionPool
  const emit = yield* PullEvents
  const context = yield* Effect.context<never>()
  const { ahead$, bytes$, progress } = layerArrival(download, { emit, context, started })
  const extracting$ = pool.extract$({ ...download.layer, directory, hasLower }, bytes$, ahead$).pipe(
    tap((event) => {
      if (event._tag === "LayerProgress") progress(event)
      else if (event._tag !== "Extracted") emit(event)
    })
  )
  const last = yield* drain(isReason)(extracting$)
  return last?._tag === "Extracted" ? last : yield* Effect.die(new Error("an extraction ended without its result"))
})
