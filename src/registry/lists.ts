/** The tags of a repository, and what refers to a manifest (OCI distribution-spec, "Content Discovery"). */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { catchError, concatMap, EMPTY, filter, from, type Observable, throwError } from "rxjs"
import type { Limits } from "../api/config.ts"
import { InvalidResponse, isReason, LimitExceeded, ManifestNotFound, type Reason, redactUrl } from "../api/errors.ts"
import type { Emit } from "../api/events.ts"
import type { Descriptor } from "../image/Descriptor.ts"
import { Index } from "../image/Index.ts"
import { complaint, parseJson } from "../image/json.ts"
import { ociIndex } from "../image/mediaTypes.ts"
import { algorithmOf, type Digest, hexOf } from "../image/reference/Digest.ts"
import type { Reference } from "../image/reference/Reference.ts"
import type { Lift } from "../reactive/bridge.ts"
import { fetchManifest } from "./documents.ts"
import type { Followed } from "./http/follow.ts"
import { readDocument } from "./http/readDocument.ts"
import { nextOf, type Page, pages$ } from "./pages.ts"
import type { Session } from "./Session.ts"
import type { Sources } from "./Sources.ts"

export interface ListsOptions {
  readonly sources: Sources
  readonly lift: Lift
  readonly limits: Limits
}

const Tags = Schema.Struct({
  tags: Schema.Array(Schema.String).pipe(Schema.withDecodingDefaultKey(Effect.succeed([])))
})

/** As reference/Reference.ts has it: what is longer or other is no tag. */
const isTag = (text: string) => /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(text)

/** Asked for on one page; registries give what they like. */
const perPage = 1000

const read = Effect.fnUntraced(function* <A, I>(
  answer: Followed,
  schema: Schema.Codec<A, I>,
  limit: number
): Effect.fn.Return<{ readonly value: A; readonly size: number; readonly url: string }, Reason> {
  const url = redactUrl(answer.url)
  const invalid = (problem: string) => new InvalidResponse({ url, problem })
  const bytes = yield* readDocument(answer, limit).pipe(
    Effect.catchTag("TooLong", () =>
      Effect.fail(new LimitExceeded({ limit: "documentBytes", maximum: limit, unit: "bytes", subject: url }))
    )
  )
  const json = yield* parseJson(bytes).pipe(Effect.mapError(invalid))
  const value = yield* Schema.decodeUnknownEffect(schema)(json).pipe(
    Effect.mapError((error) => invalid(complaint(error)))
  )
  return { value, size: bytes.length, url }
})

export const makeLists = ({ sources, lift, limits }: ListsOptions) => {
  const limit = limits.documentBytes

  const page = <A, I, B>(
    session: Session,
    path: string,
    query: string,
    accept: string | undefined,
    schema: Schema.Codec<A, I>,
    itemsOf: (value: A, url: string) => Effect.Effect<ReadonlyArray<B>, Reason>
  ) =>
    Effect.gen(function* () {
      const answer = yield* session.ask({
        method: "GET",
        path: query === "" ? path : `${path}?${query}`,
        headers: accept === undefined ? {} : { accept }
      })
      if (answer.status !== 200)
        return yield* session.refuse(answer, (url, words) => new ManifestNotFound({ url, ...words }))
      const next = yield* nextOf(answer.headers, answer.url, session.endpoint.origin)
      const { value, size, url } = yield* read(answer, schema, limit)
      return { items: yield* itemsOf(value, url), size, url, next } satisfies Page<B>
    }).pipe(Effect.scoped)

  const tagsOf = ({ tags }: typeof Tags.Type, url: string) =>
    tags.every(isTag)
      ? Effect.succeed(tags)
      : Effect.fail(new InvalidResponse({ url, problem: "it lists what is no tag" }))

  const tags$ = (reference: Reference, emit: Emit): Observable<string> =>
    pages$(lift, limits, `n=${perPage}`, (query) =>
      sources.ask(reference, "tag", emit, (session) => page(session, "tags/list", query, undefined, Tags, tagsOf))
    )

  /** A registry without the API: an index under a tag that is made of the digest ("Referrers Tag Schema"). */
  const underTag$ = (reference: Reference, digest: Digest, emit: Emit): Observable<Descriptor> => {
    const tag = `${algorithmOf(digest).slice(0, 32)}-${hexOf(digest).slice(0, 64)}`
    const found = sources.ask(reference, "tag", emit, (session) => fetchManifest(session, { _tag: "Tag", tag }, limit))
    return lift(found).pipe(
      concatMap((found) => (found._tag === "Index" ? from(found.document.value.manifests) : EMPTY)),
      catchError((error) => (isReason(error) && error._tag === "ManifestNotFound" ? EMPTY : throwError(() => error)))
    )
  }

  /** Whatever the registry filters: what is not wanted is left out here. */
  const referrers$ = (
    reference: Reference,
    digest: Digest,
    artifactType: string | undefined,
    emit: Emit
  ): Observable<Descriptor> => {
    const query = artifactType === undefined ? "" : new URLSearchParams({ artifactType }).toString()
    return pages$(lift, limits, query, (query) =>
      sources.ask(reference, "digest", emit, (session) =>
        page(session, `referrers/${digest}`, query, ociIndex, Index, ({ manifests }) => Effect.succeed(manifests))
      )
    ).pipe(
      catchError((error) =>
        isReason(error) && error._tag === "ManifestNotFound"
          ? underTag$(reference, digest, emit)
          : throwError(() => error)
      ),
      filter((entry) => artifactType === undefined || entry.artifactType === artifactType)
    )
  }

  return { tags$, referrers$ }
}
