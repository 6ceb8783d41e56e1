/** The entries of an image's layers, lowest layer first, without writing them. */
import * as Effect from "effect/Effect"
import type { EntriesOptions } from "../../api/config.ts"
import type { EntryCursor } from "../../layer/EntryCursor.ts"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { distinctLayers } from "../../pull/describeImage.ts"
import { PullEvents } from "../../pull/events/PullEvents.ts"
import { readRequest } from "../../pull/PullRequest.ts"
import { makeLift } from "../../reactive/bridge.ts"
import { resolveImage } from "../resolveImage.ts"
import { concatCursors, mapCursor } from "./concatCursors.ts"
import { type EntryOrigin, makeEntry, type ReadEntry } from "./makeEntry.ts"
import { type LayerReading, readLayer } from "./readLayer.ts"

/** Resolves the image. The cursor is closed with the scope. */
export const entriesOf = Effect.fnUntraced(function* (
  reference: string,
  { gate, ...options }: EntriesOptions,
  { limits, named }: Pick<EntryOrigin, "limits" | "named">
) {
  const pool = yield* ExtractionPool
  const emit = yield* PullEvents
  const { source, image } = yield* resolveImage(yield* readRequest(reference, options))
  const layers = yield* distinctLayers(image)
  const reading: LayerReading = { pool, source, emit, lift: yield* makeLift() }
  return yield* Effect.acquireRelease(
    Effect.sync(
      (): EntryCursor<ReadEntry> =>
        concatCursors(
          layers.map((layer) => () => {
            const origin: EntryOrigin = { digest: layer.digest, limits, named, gate }
            return mapCursor(readLayer(reading, layer), ({ header, body }) => makeEntry(origin, header, body))
          })
        )
    ),
    (cursor) => Effect.sync(cursor.close)
  )
})
