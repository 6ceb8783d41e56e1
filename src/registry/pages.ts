/**
 * Lists that come in pages (OCI distribution-spec, "Listing Tags"; RFC 8288). The registry says where the next page is:
 * of that only the query counts, and only on the origin that was asked. So a list leads nowhere else, and it ends.
 */
import * as Effect from "effect/Effect"
import { concatMap, defer, from, type Observable, repeat, takeWhile, tap } from "rxjs"
import type { Limits } from "../api/config.ts"
import { AddressRefused, InvalidResponse, LimitExceeded, type Reason, redactUrl } from "../api/errors.ts"
import type { Lift } from "../reactive/bridge.ts"
import type { Exchanged } from "./connection/exchange.ts"
import { headerOf } from "./http/header.ts"

export interface Page<A> {
  /** Bytes of the answer. */
  readonly size: number
  readonly items: ReadonlyArray<A>
  /** Query of the next page. */
  readonly next: string | undefined
  /** Of this one, for errors. */
  readonly url: string
}

const longestLink = 16_384

/** The query of the page behind this one. */
export const nextOf = (
  headers: Exchanged["headers"],
  url: URL,
  origin: string
): Effect.Effect<string | undefined, AddressRefused | InvalidResponse> => {
  const link = (headerOf(headers, "link") ?? "").slice(0, longestLink)
  const [, target] = /<([^>]*)>\s*;[^,]*?\brel\s*=\s*"?next\b/i.exec(link) ?? []
  if (target === undefined) return Effect.succeed(undefined)
  if (!URL.canParse(target, url.href))
    return Effect.fail(new InvalidResponse({ url: redactUrl(url), problem: "its next page has no address" }))
  const next = new URL(target, url)
  if (next.origin === origin) return Effect.succeed(next.search.slice(1))
  const problem = "a list goes on where it began"
  return Effect.fail(new AddressRefused({ from: redactUrl(url), to: redactUrl(next), problem }))
}

/** Item by item; the next page is asked for when the one before was taken. */
export const pages$ = <A>(
  lift: Lift,
  limits: Limits,
  first: string,
  fetch: (query: string) => Effect.Effect<Page<A>, Reason>
): Observable<A> =>
  defer(() => {
    const asked = new Set<string>()
    let [query, bytes, items] = [first, 0, 0]
    const exceeded = (limit: "listPages" | "listBytes" | "listItems", unit: string, url: string) =>
      new LimitExceeded({ limit, maximum: limits[limit], unit, subject: url })
    return defer(() => {
      asked.add(query)
      return lift(fetch(query))
    }).pipe(
      tap((page) => {
        const { url, size, next } = page
        bytes += size
        items += page.items.length
        if (bytes > limits.listBytes) throw exceeded("listBytes", "bytes", url)
        if (items > limits.listItems) throw exceeded("listItems", "items", url)
        if (next === undefined) return
        if (asked.has(next)) throw new InvalidResponse({ url, problem: "its pages lead back to an earlier one" })
        if (asked.size >= limits.listPages) throw exceeded("listPages", "pages", url)
        query = next
      }),
      repeat(),
      takeWhile(({ next }) => next !== undefined, true),
      concatMap(({ items }) => from(items))
    )
  })
