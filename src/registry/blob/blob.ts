/** Downloads a blob (OCI distribution-spec, "Pulling blobs"). Each attempt is one request, from a given byte on. */
import * as Effect from "effect/Effect"
import { map, type Observable } from "rxjs"
import { BlobInterrupted, InvalidResponse, isReason, redactUrl } from "../../api/errors.ts"
import { drainTo, emitting } from "../../reactive/bridge.ts"
import type { Gate } from "../../reactive/Gate.ts"
import { limitBytes } from "../../reactive/limitBytes.ts"
import { skipBytes } from "../../reactive/skipBytes.ts"
import { connectionProblem } from "../connection/connectionErrors.ts"
import type { Answer } from "../connection/Transport.ts"
import { isPage } from "../http/readDocument.ts"
import type { BlobDescriptor } from "./BlobDescriptor.ts"
import { type BlobSource, mismatch, openBlob } from "./openBlob.ts"

/** An HTML page in place of a layer is refused before any byte of it is kept, even if its length was not stated. */
const unlessPage = (answer: Answer, body$: Observable<Uint8Array>): Observable<Uint8Array> =>
  isPage(answer)
    ? body$.pipe(
        map((chunk, at) => {
          if (at > 0 || chunk[0] !== "<".charCodeAt(0)) return chunk
          throw new InvalidResponse({ url: redactUrl(answer.url), problem: "it is an HTML page" })
        })
      )
    : body$

/**
 * One attempt: completes after the whole blob, and fails with `BlobInterrupted` if the body ends before that. With
 * `end`, takes only the bytes before it, and fails with `RangesIgnored` if the whole blob comes.
 */
export const attempt = (
  source: BlobSource,
  blob: BlobDescriptor,
  offset: number,
  gate: Gate,
  end?: number
): Observable<Uint8Array> =>
  emitting(source.lift, (next) => {
    let seen = offset
    const until = end ?? blob.size
    const tooMuch = (url: URL) => () =>
      end === undefined || end === blob.size
        ? mismatch(blob, blob.size + 1)
        : new InvalidResponse({ url: redactUrl(url), problem: "it sent more bytes than were requested" })
    const broke = (problem: string, cause?: unknown) =>
      new BlobInterrupted({ digest: blob.digest, offset: seen, problem, ...(cause === undefined ? {} : { cause }) })
    return Effect.gen(function* () {
      const { answer, surplus, ranged, foreign } = yield* openBlob(source, blob, { offset, end })
      if (foreign !== undefined) source.served(foreign)
      const bytes$ = unlessPage(answer, answer.body$(gate)).pipe(
        skipBytes(surplus),
        limitBytes(until - offset, tooMuch(answer.url))
      )
      const note = Effect.sync(() => {
        if (foreign !== undefined && seen < until) source.broken.add(foreign)
        if (ranged === undefined) return
        if (seen > offset) source.rangeless.somethingCame(ranged)
        else source.rangeless.nothingCame(ranged)
      })
      yield* drainTo(bytes$, (chunk) => {
        seen += chunk.length
        next(chunk)
      }).pipe(
        Effect.mapError((error) => (isReason(error) ? error : broke(connectionProblem(error), error))),
        Effect.tapError(() => note)
      )
      yield* note
      if (seen < until) return yield* broke("it ended early")
    })
  })
