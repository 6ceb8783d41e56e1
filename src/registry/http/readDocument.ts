/**
 * Reads a document whole: a manifest, a config, a token, a list. Bounded in bytes and in time, and in the encoding that its
 * server chose for it, though none was asked for.
 */
import { gunzip } from "node:zlib"
import * as Effect from "effect/Effect"
import { InvalidResponse, type RegistryUnreachable, redactUrl } from "../../api/errors.ts"
import { largeDocument } from "../../image/LargeDocuments.ts"
import { withoutParameters } from "../../image/mediaTypes.ts"
import type { Answer } from "../connection/Transport.ts"
import { encodingOf, headerOf } from "../headers/readHeader.ts"
import { type CollectOptions, collectBody, TooLong } from "./collectBody.ts"

const isGzip = (encoding: string | undefined) => encoding === "gzip" || encoding === "x-gzip"
/** Other encodings that are registered, and not read. What else stands in that header encodes nothing: `utf-8`, `aws-chunked`. */
const unread: ReadonlySet<string> = new Set(["br", "zstd", "deflate", "compress", "x-compress"])

/** Bytes that gzip adds to what it cannot make smaller. */
const overhead = (bytes: number) => 1024 + Math.ceil(bytes / 512)

/** Whether its `Content-Length` is another one than the document's. */
export const isEncoded = ({ headers }: Answer): boolean => isGzip(encodingOf(headers))

const inflated = (bytes: Uint8Array, limit: number, url: URL) =>
  Effect.callback<Uint8Array, TooLong | InvalidResponse>((resume) => {
    gunzip(bytes, { maxOutputLength: Math.max(limit, 1) }, (error, result) => {
      if (error === null) return resume(Effect.succeed(result))
      const isLong = "code" in error && error.code === "ERR_BUFFER_TOO_LARGE"
      resume(
        Effect.fail(
          isLong
            ? new TooLong({ limit })
            : new InvalidResponse({
                url: redactUrl(url),
                problem: "it sent Content-Encoding: gzip, but the compressed data is invalid"
              })
        )
      )
    })
  })

/** For people: a login, a proxy's refusal, the front of a web site. */
export const isPage = ({ headers }: Answer): boolean =>
  ["text/html", "application/xhtml+xml"].includes(withoutParameters(headerOf(headers, "content-type") ?? ""))

export const pageInstead = (url: URL) =>
  new InvalidResponse({ url: redactUrl(url), problem: "it is an HTML page", isPage: true })

/** The first byte that is not a blank. */
const beginning = (bytes: Uint8Array) => String.fromCharCode(bytes.find((byte) => byte > 32) ?? 32)

/** A body in the encoding that was asked for: none. Fails as `collectBody` does, `limit` being the bytes of what is encoded. */
export const readBody = Effect.fnUntraced(function* (
  answer: Answer,
  limit: number,
  options: CollectOptions = {}
): Effect.fn.Return<Uint8Array, TooLong | RegistryUnreachable | InvalidResponse> {
  if (!isEncoded(answer)) return yield* collectBody(answer, limit, options)
  const bytes = yield* collectBody(answer, limit + overhead(limit), options)
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    const { mayRead = () => true } = options
    return yield* inflated(bytes, Math.min(limit, largeDocument), answer.url).pipe(
      Effect.catchTag("TooLong", (failure) =>
        limit > largeDocument && mayRead(largeDocument + 1) ? inflated(bytes, limit, answer.url) : Effect.fail(failure)
      )
    )
  }
  return bytes.length > limit ? yield* new TooLong({ limit }) : bytes
})

/** The same; fails where it is a page, or in an encoding that is not read. */
export const readDocument = Effect.fnUntraced(function* (
  answer: Answer,
  limit: number,
  options?: CollectOptions
): Effect.fn.Return<Uint8Array, TooLong | RegistryUnreachable | InvalidResponse> {
  const bytes = yield* readBody(answer, limit, options)
  const invalid = (problem: string) => new InvalidResponse({ url: redactUrl(answer.url), problem })
  const encoding = encodingOf(answer.headers)
  const first = beginning(bytes)
  if (encoding !== undefined && unread.has(encoding) && first !== "{")
    return yield* invalid(`it sent Content-Encoding: ${encoding}, which was not requested`)
  return first === "<" && isPage(answer) ? yield* pageInstead(answer.url) : bytes
})
