/**
 * Requests a blob from a given byte on: from the registry, or from the descriptor's addresses.
 *
 * A partial download must not prevent the rest from being downloaded. So if a host refuses a range, or answers it with
 * something else, the whole blob is requested once, and the bytes that are already there are skipped; if that works,
 * the host gets no more range requests. The same happens if it ends the connection on two range requests in a row, and if it
 * answers one for a part with the whole.
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { BlobNotFound, InvalidResponse, type Reason, redactUrl, SizeMismatch } from "../../api/errors.ts"
import type { Lift } from "../../reactive/bridge.ts"
import { addressOf } from "../address/Endpoint.ts"
import type { Session } from "../auth/Session.ts"
import { isConnectionClosed } from "../connection/connectionErrors.ts"
import type { Transport } from "../connection/Transport.ts"
import { contentLength, contentRange, encodingOf } from "../headers/readHeader.ts"
import { type FinalResponse, followRedirects } from "../http/followRedirects.ts"
import { isPage, pageInstead } from "../http/readDocument.ts"
import type { BlobDescriptor } from "./BlobDescriptor.ts"
import type { HostsWithoutRanges } from "./HostsWithoutRanges.ts"

export interface BlobSource {
  readonly transport: Transport
  readonly session: Effect.Effect<Session, Reason>
  readonly lift: Lift
  /** Shared by the blobs of a puller. */
  readonly rangeless: HostsWithoutRanges
  /** Addresses of this blob whose body broke or was wrong: tried after the others. */
  readonly broken: Set<string>
  /** Called when an address sends bytes of this blob, before they are verified. */
  readonly served: (url: string) => void
}

/** From `offset` on; with `end`, only the bytes before that. */
export interface Part {
  readonly offset: number
  readonly end: number | undefined
}

export interface Opened {
  readonly answer: FinalResponse
  /** Bytes to skip: the body starts that much before the wanted part. */
  readonly surplus: number
  /** The host, if it answers with the requested range. */
  readonly ranged?: string
  /** The descriptor's address that answers, if it is not the registry. */
  readonly foreign?: string
}

/** A part was requested, and only the whole blob can be had. */
export class RangesIgnored extends Data.TaggedError("RangesIgnored") {}

export const mismatch = ({ size }: BlobDescriptor, actual: number) =>
  new SizeMismatch({ subject: "blob", expected: size, actual })

/** The error for an answer whose length is not the blob's. */
const otherLength = (answer: FinalResponse, blob: BlobDescriptor, length: number) => {
  const invalid = (problem: string) => new InvalidResponse({ url: redactUrl(answer.url), problem })
  if (isPage(answer)) return pageInstead(answer.url)
  const encoding = encodingOf(answer.headers)
  return encoding === undefined
    ? mismatch(blob, length)
    : invalid(`it sent the blob with Content-Encoding: ${encoding}, which was not requested`)
}

/** Checks that an answer is the whole blob, as far as its headers tell. */
const asWhole = Effect.fnUntraced(function* (
  answer: FinalResponse,
  blob: BlobDescriptor,
  offset: number
): Effect.fn.Return<Opened, InvalidResponse | SizeMismatch> {
  const range = answer.status === 206 ? contentRange(answer.headers) : undefined
  if (range !== undefined && range.first !== 0) {
    const problem = `the whole blob was requested, but it sent only the bytes from ${range.first} on`
    return yield* new InvalidResponse({ url: redactUrl(answer.url), problem })
  }
  const length = range === undefined ? contentLength(answer.headers) : range.total
  if (length !== undefined && length !== blob.size) return yield* otherLength(answer, blob, length)
  return { answer, surplus: offset }
})

const isGiven = ({ status }: FinalResponse) => status === 200 || status === 206

/** Statuses that refuse a range. */
const refusals: ReadonlySet<number> = new Set([400, 405, 406, 411, 412, 416, 417, 501])
/** Statuses that do not: the host is busy, or wants another request. */
const others: ReadonlySet<number> = new Set([401, 407, 408, 429, 502, 503, 504])
/** Other error statuses may refuse it: some storages answer 403 to a header that was not signed, and some fail over it. */
const mayRefuse = (status: number) => status >= 400 && !others.has(status)

/** A host that may have the blob. */
interface Place {
  readonly origin: string
  readonly send: (headers: Readonly<Record<string, string>>) => Effect.Effect<FinalResponse, Reason, Scope.Scope>
}

/** Any status but 200 and 206 comes back as it is. */
const openAt = Effect.fnUntraced(function* (
  { origin, send }: Place,
  rangeless: HostsWithoutRanges,
  blob: BlobDescriptor,
  part: Part
): Effect.fn.Return<Opened, Reason | RangesIgnored, Scope.Scope> {
  const { offset, end } = part
  const judged = (answer: FinalResponse) =>
    isGiven(answer) ? asWhole(answer, blob, offset) : Effect.succeed({ answer, surplus: 0 })
  if (offset === 0 && end === undefined) return yield* judged(yield* send({}))
  if (rangeless.has(origin)) {
    if (end !== undefined) return yield* new RangesIgnored()
    const opened = yield* judged(yield* send({}))
    rangeless.somethingCame(origin)
    return opened
  }

  const scope = yield* Scope.fork(yield* Effect.scope)
  const range = `bytes=${offset}-${end === undefined ? "" : end - 1}`
  const asked = yield* Effect.result(Scope.provide(send({ range }), scope))
  let isRefused = false
  if (Result.isFailure(asked)) {
    const reason = asked.failure
    if (reason._tag === "RegistryUnreachable" && isConnectionClosed(reason.cause)) rangeless.nothingCame(origin)
    if (reason._tag !== "AccessDenied" || reason.status !== 403 || end !== undefined) return yield* Effect.fail(reason)
  } else {
    const answer = asked.success
    const range = contentRange(answer.headers)
    const fits = range?.first === offset && (range.total === undefined || range.total === blob.size)
    if (answer.status === 206 && fits) return { answer, surplus: 0, ranged: origin }
    isRefused = answer.status === 206 || refusals.has(answer.status)
    if (end !== undefined) {
      // A 200 means that the host ignores ranges. A refusal may concern this range alone: the manifest may overstate the blob's size.
      if (answer.status === 200) rangeless.add(origin)
      return isRefused || isGiven(answer) ? yield* new RangesIgnored() : { answer, surplus: 0 }
    }
    const isForeign = answer.status === 404 && blob.urls !== undefined && blob.urls.length > 0
    if (!isRefused && (isForeign || !mayRefuse(answer.status))) return yield* judged(answer)
  }
  yield* Scope.close(scope, Exit.void)
  const opened = yield* judged(yield* send({}))
  if (isRefused && isGiven(opened.answer)) rangeless.add(origin)
  return opened
})

/** Most addresses of a foreign layer that are tried. */
const mostUrls = 8

/**
 * A foreign layer: what the registry lacks is requested from the descriptor's addresses, without credentials. The first
 * that has it is used. If none has, the last refusal is the error.
 */
const elsewhere = Effect.fnUntraced(function* (
  { transport, rangeless, broken }: BlobSource,
  { endpoint, refuse }: Session,
  blob: BlobDescriptor,
  part: Part
): Effect.fn.Return<Opened | undefined, Reason | RangesIgnored, Scope.Scope> {
  const from = addressOf(endpoint)
  const { urls = [], ...alone } = blob
  let refused: Reason | undefined
  const usable = urls.filter((url) => URL.canParse(url)).slice(0, mostUrls)
  for (const text of usable.toSorted((a, b) => Number(broken.has(a)) - Number(broken.has(b)))) {
    const url = new URL(text)
    const judged = transport.refusal(endpoint, from, url)
    if (judged !== undefined) {
      refused = judged
      continue
    }
    const send: Place["send"] = (headers) =>
      Effect.map(followRedirects(transport, endpoint, { method: "GET", url, headers }, undefined), (answer) => ({
        ...answer,
        isCrossOrigin: true
      }))
    const scope = yield* Scope.fork(yield* Effect.scope)
    const opened = yield* openAt({ origin: url.origin, send }, rangeless, alone, part).pipe(
      Effect.flatMap((opened) =>
        isGiven(opened.answer)
          ? Effect.succeed(opened)
          : refuse(opened.answer, (url) => new BlobNotFound({ url, digest: blob.digest }))
      ),
      Scope.provide(scope),
      Effect.result
    )
    if (Result.isSuccess(opened)) return { ...opened.success, foreign: text }
    if (opened.failure._tag === "RangesIgnored") return yield* Effect.fail(opened.failure)
    refused = opened.failure
    yield* Scope.close(scope, Exit.void)
  }
  return refused === undefined ? undefined : yield* Effect.fail(refused)
})

/** Sends the request, and succeeds once the answer's headers are known to fit. */
export const openBlob = Effect.fnUntraced(function* (
  source: BlobSource,
  blob: BlobDescriptor,
  part: Part
): Effect.fn.Return<Opened, Reason | RangesIgnored, Scope.Scope> {
  const to = yield* source.session
  const send: Place["send"] = (headers) => to.ask({ method: "GET", path: `blobs/${blob.digest}`, headers })
  const opened = yield* openAt({ origin: to.endpoint.origin, send }, source.rangeless, blob, part)
  if (isGiven(opened.answer)) return opened
  const foreign = opened.answer.status === 404 ? yield* elsewhere(source, to, blob, part) : undefined
  return foreign ?? (yield* to.refuse(opened.answer, (url) => new BlobNotFound({ url, digest: blob.digest })))
})
