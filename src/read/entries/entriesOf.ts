/** The entries of an image's layers, lowest layer first, without writing them. */
import * as Effect from "effect/Effect"
import { catchError, concatMap, defer, from, type Observable, tap, throwError } from "rxjs"
import type { EntriesOptions } from "../../api/config.ts"
import { isReason } from "../../api/errors.ts"
import type { Entry } from "../../layer/Entry.ts"
import { ExtractionPool } from "../../layer/pool/ExtractionPool.ts"
import { distinctLayers } from "../../pull/describeImage.ts"
import { PullEvents } from "../../pull/events/PullEvents.ts"
import { ImageSources } from "../../pull/ImageSources.ts"
import { isBlobMismatch } from "../../pull/layer/refetchOnMismatch.ts"
import { readRequest } from "../../pull/PullRequest.ts"
import { makeLift } from "../../reactive/bridge.ts"
import type { ResolvedLayer } from "../../registry/Registry.ts"

/** Resolves the image. Its layers are read on subscription, which must come before the scope closes. */
export const entriesOf = Effect.fnUntraced(function* (reference: string, { gate, ...options }: EntriesOptions) {
  const pool = yield* ExtractionPool
  const emit = yield* PullEvents
  const { origin, platform } = yield* readRequest(reference, options)
  const source = yield* (yield* ImageSources).open(origin)
  const layers = yield* distinctLayers(yield* source.resolve(platform, emit))
  const lift = yield* makeLift()

  /**
   * Emitted entries cannot be taken back. If a mirror's wrong bytes are noticed before the first entry, the layer is
   * read again; after it, reading fails with the mismatch. In both cases that mirror is not asked again.
   */
  const readLayer$ = (layer: ResolvedLayer): Observable<Entry> =>
    defer(() => {
      let given = false
      const reading$ = pool
        .entries$(layer, (gate) => source.blob$(layer, gate, { emit }), gate)
        .pipe(
          tap(() => {
            given = true
          })
        )
      return reading$.pipe(
        catchError((error) => {
          if (!isReason(error) || !isBlobMismatch(error)) return throwError(() => error)
          return lift(source.reportMismatch(layer.digest, emit)).pipe(
            concatMap((lied) => (lied && !given ? reading$ : throwError(() => error)))
          )
        })
      )
    })

  return from(layers).pipe(concatMap(readLayer$))
})
