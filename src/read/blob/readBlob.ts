/** The bytes of one blob, verified as they pass: bytes ▸ verify digest and size ▸ hold the last piece until both are proven. */
import * as Effect from "effect/Effect"
import { catchError, concatMap, defer, type Observable, tap, throwError } from "rxjs"
import { isReason, LimitExceeded, type Reason } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import { parseDigest } from "../../image/reference/Digest.ts"
import { verifyDigest } from "../../layer/verifyDigest.ts"
import { isBlobMismatch } from "../../pull/layer/refetchOnMismatch.ts"
import type { Lift } from "../../reactive/bridge.ts"
import type { Gate } from "../../reactive/Gate.ts"
import type { BlobDescriptor, BlobOptions } from "../../registry/blob/BlobDescriptor.ts"
import type { ImageSource } from "../../source/ImageSource.ts"
import { holdLast } from "./holdLast.ts"

/** A place that blobs come from. */
export type BlobSource = Pick<ImageSource, "blob$" | "blobSize" | "reportMismatch">

/** The descriptor of any digest that the source has, by what the source says of its size. */
export const describeBlob = Effect.fnUntraced(function* (
  source: BlobSource,
  text: string,
  blobBytes: number,
  emit: Emit
): Effect.fn.Return<BlobDescriptor, Reason> {
  const digest = yield* parseDigest(text)
  const size = yield* source.blobSize(digest, emit)
  if (size > blobBytes)
    return yield* new LimitExceeded({ limit: "blobBytes", maximum: blobBytes, unit: "bytes of blob", subject: digest })
  return { digest, size }
})

/**
 * The last piece comes when digest and size are proven; if they are wrong, the error comes instead. Bytes that were given cannot be
 * taken back: if a mirror's were wrong, and none was given yet, the blob is read again from another place.
 */
export const readBlob = (
  source: BlobSource,
  blob: BlobDescriptor,
  gate: Gate,
  lift: Lift,
  options: BlobOptions
): Observable<Uint8Array> =>
  defer(() => {
    let isGiven = false
    const reading$ = source.blob$(blob, gate, options).pipe(
      verifyDigest("blob", blob.digest, blob.size),
      holdLast(),
      tap(() => {
        isGiven = true
      })
    )
    return reading$.pipe(
      catchError((error) => {
        if (!isReason(error) || !isBlobMismatch(error)) return throwError(() => error)
        return lift(source.reportMismatch(blob.digest, options.emit)).pipe(
          concatMap((canRetry) => (canRetry && !isGiven ? reading$ : throwError(() => error)))
        )
      })
    )
  })
