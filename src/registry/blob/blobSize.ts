/** The size of a blob that no descriptor names: any digest of a repository may be asked for. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { BlobNotFound, InvalidResponse, type Reason, redactUrl } from "../../api/errors.ts"
import { algorithmOf, type Digest } from "../../image/reference/Digest.ts"
import type { Session } from "../auth/Session.ts"
import { digestOf } from "../documents.ts"
import { contentLength, contentRange } from "../headers/readHeader.ts"
import { isEncoded } from "../http/readDocument.ts"

const isBusy = (status: number) => status === 408 || status === 429 || status >= 500

/** A length of 0 counts only for the empty blob: some proxies answer HEAD with that for all. */
const isTold = (size: number | undefined, digest: Digest): size is number =>
  size !== undefined && (size > 0 || digest === digestOf(algorithmOf(digest), new Uint8Array()))

/**
 * By HEAD. Storage that a registry redirects to may refuse that, since its link is signed for GET: then the first byte is
 * asked for, which comes with the size of the whole. Fails with `BlobNotFound`.
 */
export const blobSize = Effect.fnUntraced(function* (
  session: Session,
  digest: Digest
): Effect.fn.Return<number, Reason> {
  const path = `blobs/${digest}`
  const byHead = Effect.gen(function* () {
    const answer = yield* session.ask({ method: "HEAD", path, headers: {} })
    if (answer.status === 404 || isBusy(answer.status))
      return yield* session.refuse(answer, (url) => new BlobNotFound({ url, digest }))
    const size = isEncoded(answer) ? undefined : contentLength(answer.headers)
    return answer.status === 200 && isTold(size, digest) ? size : undefined
  }).pipe(
    Effect.scoped,
    Effect.catchTag("AccessDenied", (reason) =>
      reason.redirected === true ? Effect.undefined : Effect.fail<Reason>(reason)
    )
  )
  return (yield* byHead) ?? (yield* byFirstByte(session, path, digest))
})

const byFirstByte = Effect.fnUntraced(function* (
  session: Session,
  path: string,
  digest: Digest
): Effect.fn.Return<number, Reason, Scope.Scope> {
  const answer = yield* session.ask({ method: "GET", path, headers: { range: "bytes=0-0" } })
  if (answer.status !== 200 && answer.status !== 206)
    return yield* session.refuse(answer, (url) => new BlobNotFound({ url, digest }))
  const size =
    answer.status === 206
      ? contentRange(answer.headers)?.total
      : isEncoded(answer)
        ? undefined
        : contentLength(answer.headers)
  if (size !== undefined) return size
  return yield* new InvalidResponse({ url: redactUrl(answer.url), problem: "it does not say how large the blob is" })
}, Effect.scoped)
