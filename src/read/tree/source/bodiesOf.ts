import * as Effect from "effect/Effect"
import { ExtractionPool } from "../../../layer/pool/ExtractionPool.ts"
import { PullEvents } from "../../../pull/events/PullEvents.ts"
import { layerBytes$ } from "../../../pull/layer/LayerDownload.ts"
import type { MergedImage } from "./mergeImage.ts"
import type { OpenBodies } from "./treeCursor.ts"

/** Reads layers again, for the bodies of some of their entries: from where their bytes were kept. */
export const bodiesOf = Effect.fnUntraced(function* ({ layers }: MergedImage) {
  const pool = yield* ExtractionPool
  const emit = yield* PullEvents
  const context = yield* Effect.context<never>()
  const open: OpenBodies = (layer, ordinals) => {
    const download = layers.get(layer)
    if (download === undefined) throw new Error(`layer ${layer} was not read`)
    return pool.entries(
      { ...download.layer, send: ordinals },
      (gate) => layerBytes$(download, gate, emit, context),
      emit
    )
  }
  return open
})
