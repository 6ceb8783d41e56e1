/** The tags of a repository, and what refers to a manifest (OCI distribution-spec, "Content Discovery"). */
import * as Effect from "effect/Effect"
import type { Observable } from "rxjs"
import { InvalidResponse, LimitExceeded, ManifestNotFound, redactUrl } from "../api/errors.ts"
import { decodeAs } from "../image/json/decodeAs.ts"
import { parseJson } from "../image/json/parseJson.ts"
import * as Shape from "../image/json/Shape.ts"
import { reading } from "../image/LargeDocuments.ts"
import type { Reference } from "../image/reference/Reference.ts"
import { liftWithContext } from "../reactive/bridge.ts"
import { holdsDocument } from "./headers/readHeader.ts"
import { readDocument } from "./http/readDocument.ts"
import { type Body, type Listing, type ListOptions, type ListsOptions, nextOf, pages$ } from "./pages.ts"
import { makeReferrers } from "./referrers.ts"

const Tags = Shape.Struct({
  tags: Shape.withDefault(Shape.Array(Shape.Unknown), [])
})

/** The same rule as in reference/Reference.ts: what is longer or has other characters is not a tag. */
const isTag = (text: unknown): text is string =>
  typeof text === "string" && /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(text)

/** Asked for on one page; registries give what they like. */
const perPage = 1000

export const makeLists = ({ sources, lift, limits }: ListsOptions) => {
  const limit = limits.documentBytes

  const page: Listing["page"] = (session, path, query, accept, itemsOf) =>
    reading(undefined, (mayRead) =>
      Effect.gen(function* () {
        const answer = yield* session.ask({
          method: "GET",
          path: query === "" ? path : `${path}?${query}`,
          headers: accept === undefined ? {} : { accept }
        })
        if (!holdsDocument(answer.status))
          return yield* session.refuse(answer, (url, words) => new ManifestNotFound({ url, ...words }))
        const next = yield* nextOf(answer.headers, answer.url)
        const url = redactUrl(answer.url)
        const bytes = yield* readDocument(answer, limit, { mayRead }).pipe(
          Effect.catchTag("TooLong", () =>
            Effect.fail(new LimitExceeded({ limit: "documentBytes", maximum: limit, unit: "bytes", subject: url }))
          )
        )
        return { items: yield* itemsOf({ bytes, url }), size: bytes.length, url, next }
      }).pipe(Effect.scoped)
    )

  const tagsOf = ({ bytes, url }: Body) =>
    parseJson(bytes).pipe(
      Effect.flatMap((json) => decodeAs(Tags, json)),
      Effect.map(({ tags }) => tags.filter(isTag)),
      Effect.mapError((problem) => new InvalidResponse({ url, problem }))
    )

  const tags$ = (reference: Reference, { emit, context }: ListOptions): Observable<string> =>
    pages$(liftWithContext(lift, context), limits, `n=${perPage}`, (query) =>
      sources.ask(reference, "tag", emit, (session) => page(session, "tags/list", query, undefined, tagsOf))
    )

  return { tags$, referrers$: makeReferrers({ sources, lift, limits, page }) }
}
