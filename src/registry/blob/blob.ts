/** A blob's bytes (OCI distribution-spec, "Pulling blobs"), each attempt one request from a given byte on. */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Observable, tap } from "rxjs"
import {
  AddressRefused,
  BlobInterrupted,
  BlobNotFound,
  InvalidResponse,
  isReason,
  type Reason,
  redactUrl,
  SizeMismatch
} from "../../api/errors.ts"
import { drain, type Lift } from "../../reactive/bridge.ts"
import type { Gate } from "../../reactive/Gate.ts"
import { objection } from "../connection/Address.ts"
import { addressOf } from "../connection/Endpoint.ts"
import { problemOf } from "../connection/problem.ts"
import type { Transport } from "../connection/Transport.ts"
import { atMost } from "../http/atMost.ts"
import { type Followed, follow } from "../http/follow.ts"
import { contentLength, contentRange } from "../http/header.ts"
import type { Session } from "../Session.ts"
import type { BlobDescriptor } from "./BlobDescriptor.ts"
import { skip } from "./skip.ts"

const mismatch = ({ size }: BlobDescriptor, actual: number) =>
  new SizeMismatch({ subject: "blob", expected: size, actual })

/** A part was asked for, and the whole blob comes. */
export class RangesIgnored extends Data.TaggedError("RangesIgnored") {}

/** Checks that the answer is this blob from `offset` on; gives the bytes to leave out where it starts before. */
const bytesToSkip = Effect.fnUntraced(function* (
  { status, headers, url }: Followed,
  blob: BlobDescriptor,
  offset: number,
  end: number | undefined
): Effect.fn.Return<number, InvalidResponse | SizeMismatch | RangesIgnored> {
  if (status === 206) {
    const range = contentRange(headers)
    if (range?.first !== offset) {
      const problem = `asked for bytes from ${offset} on, it sends them from ${range?.first ?? "nowhere"}`
      return yield* new InvalidResponse({ url: redactUrl(url), problem })
    }
    if (range.total !== undefined && range.total !== blob.size) return yield* mismatch(blob, range.total)
    return 0
  }
  if (end !== undefined) return yield* new RangesIgnored()
  const length = contentLength(headers)
  if (length !== undefined && length !== blob.size) return yield* mismatch(blob, length)
  return offset
})

/** What the registry lacks may lie where the descriptor says: foreign layers, asked for without credentials. */
const elsewhere = Effect.fnUntraced(function* (
  transport: Transport,
  { endpoint }: Session,
  { urls = [] }: BlobDescriptor,
  headers: Readonly<Record<string, string>>
): Effect.fn.Return<Followed | undefined, Reason, Scope.Scope> {
  const from = addressOf(endpoint)
  let last: Followed | undefined
  for (const text of urls.slice(0, 8)) {
    if (!URL.canParse(text)) continue
    const url = new URL(text)
    const problem = objection(from, url, transport.placeOf(endpoint), endpoint.plainHttp)
    if (problem !== undefined) return yield* new AddressRefused({ from: redactUrl(from), to: redactUrl(url), problem })
    last = yield* follow(transport, endpoint, { method: "GET", url, headers }, undefined)
    if (last.status === 200 || last.status === 206) return last
  }
  return last
})

export interface BlobSource {
  readonly transport: Transport
  readonly session: Effect.Effect<Session, Reason>
  readonly lift: Lift
}

/** Sends the request; succeeds once the answer's head is known to fit. */
const open = Effect.fnUntraced(function* (
  { transport, session }: BlobSource,
  blob: BlobDescriptor,
  offset: number,
  end: number | undefined
): Effect.fn.Return<{ readonly answer: Followed; readonly surplus: number }, Reason | RangesIgnored, Scope.Scope> {
  const to = yield* session
  const last = end === undefined ? "" : end - 1
  const headers: Record<string, string> = offset === 0 && end === undefined ? {} : { range: `bytes=${offset}-${last}` }
  const first = yield* to.ask({ method: "GET", path: `blobs/${blob.digest}`, headers })
  const foreign = first.status === 404 ? yield* elsewhere(transport, to, blob, headers) : undefined
  const answer = foreign ?? first
  if (answer.status !== 200 && answer.status !== 206)
    return yield* to.refuse(answer, (url) => new BlobNotFound({ url, digest: blob.digest }))
  return { answer, surplus: yield* bytesToSkip(answer, blob, offset, end) }
})

/**
 * One attempt: completes once the whole blob was seen, and fails with `BlobInterrupted` where the body ends before. With
 * `end`, only the bytes before that are wanted, and no others are taken: `RangesIgnored` where the whole blob comes.
 */
export const attempt = (
  source: BlobSource,
  blob: BlobDescriptor,
  offset: number,
  gate: Gate,
  end?: number
): Observable<Uint8Array> =>
  new Observable((sink) => {
    let seen = offset
    const until = end ?? blob.size
    const tooMuch = (url: URL) => () =>
      end === undefined || end === blob.size
        ? mismatch(blob, blob.size + 1)
        : new InvalidResponse({ url: redactUrl(url), problem: "it sends more than was asked for" })
    const broke = (problem: string, cause?: unknown) =>
      new BlobInterrupted({ digest: blob.digest, offset: seen, problem, ...(cause === undefined ? {} : { cause }) })
    const run = Effect.gen(function* () {
      const { answer, surplus } = yield* open(source, blob, offset, end)
      const bytes$ = answer.body$(gate).pipe(
        skip(surplus),
        atMost(until - offset, tooMuch(answer.url)),
        tap((chunk) => {
          seen += chunk.length
          sink.next(chunk)
        })
      )
      yield* drain((_): _ is unknown => true)(bytes$).pipe(
        Effect.mapError((error) => (isReason(error) ? error : broke(problemOf(error), error)))
      )
      if (seen < until) return yield* broke("it ended early")
    })
    sink.add(
      source.lift(Effect.scoped(run)).subscribe({
        error: (error) => sink.error(error),
        complete: () => sink.complete()
      })
    )
  })
