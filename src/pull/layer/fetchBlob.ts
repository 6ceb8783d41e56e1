/** Downloads a blob to its partial blob, without extracting it. */
import * as Effect from "effect/Effect"
import { asyncScheduler, identity, type MonoTypeOperatorFunction, map, scan, tap, throttleTime } from "rxjs"
import { isReason } from "../../api/errors.ts"
import { verifyDigest } from "../../layer/verifyDigest.ts"
import { drain } from "../../reactive/bridge.ts"
import { Gate } from "../../reactive/Gate.ts"
import type { BlobLayout } from "../../store/blobs/BlobLayout.ts"
import { PullEvents } from "../events/PullEvents.ts"
import { type LayerDownload, layerBytes$ } from "./LayerDownload.ts"
import { downloadProgress, progressInterval, startOf } from "./layerArrival.ts"

/** Downloads the rest and emits progress. `check` sees every byte. `started`: by default, `LayerStarted` is told. */
export const downloadBlob = Effect.fnUntraced(function* (
  download: LayerDownload,
  check: MonoTypeOperatorFunction<Uint8Array> = identity,
  started?: () => void
) {
  const emit = yield* PullEvents
  const context = yield* Effect.context<never>()
  const start = started ?? startOf(download, emit)
  const kept = download.partial.size()
  yield* drain(isReason)(
    check(layerBytes$(download, new Gate(), emit, context)).pipe(
      tap({ next: start, complete: start }),
      scan((received, chunk) => received + chunk.length, 0),
      throttleTime(progressInterval, asyncScheduler, { leading: true, trailing: true }),
      // Kept bytes have been received, though they are read again.
      map((received) => downloadProgress(download, Math.max(received, kept))),
      tap(emit)
    )
  )
})

/** For a layer whose tree is there: only the blob's digest and size are checked. */
export const fetchBlob = Effect.fnUntraced(function* (download: LayerDownload, layout: BlobLayout) {
  const { digest, size } = download.layer
  yield* downloadBlob(download, verifyDigest("blob", digest, size))
  yield* layout.keep(digest, download.partial)
})
