/**
 * Lists that come in pages (OCI distribution-spec, "Listing Tags"; RFC 8288). The registry says where the next page is:
 * of that only the query counts, whatever host and path it names, since registries behind a proxy name their own. So a
 * list leads nowhere else, and it ends.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { concatMap, defer, from, type Observable, repeat, takeWhile, tap } from "rxjs"
import type { Limits } from "../api/config.ts"
import { InvalidResponse, LimitExceeded, type Reason, redactUrl } from "../api/errors.ts"
import type { Emit } from "../api/events.ts"
import type { Lift } from "../reactive/bridge.ts"
import type { Session } from "./auth/Session.ts"
import type { Response } from "./connection/exchange.ts"
import { Demand } from "./Demand.ts"
import type { Failover } from "./Failover.ts"
import { nextLink } from "./headers/nextLink.ts"
import { addressOfHeader } from "./headers/readHeader.ts"

export interface Page<A> {
  /** Bytes of the answer. */
  readonly size: number
  readonly items: ReadonlyArray<A>
  /** Query of the next page. */
  readonly next: string | undefined
  /** The address of this page, for errors. */
  readonly url: string
}

/** Who hears of a list being fetched, and with whose services that is done; default: those of the puller. */
export interface ListOptions {
  readonly emit: Emit
  readonly context?: Context.Context<never> | undefined
  /** The most pages of referrers. `limits.listPages` applies as well. */
  readonly pages?: number | undefined
}

export interface ListsOptions {
  readonly sources: Failover
  readonly lift: Lift
  readonly limits: Limits
}

/** One page as it came. */
export interface Body {
  readonly bytes: Uint8Array
  /** For errors. */
  readonly url: string
}

/** What any list takes. */
export interface Listing extends ListsOptions {
  readonly page: <A>(
    session: Session,
    path: string,
    query: string,
    accept: string | undefined,
    itemsOf: (body: Body) => Effect.Effect<ReadonlyArray<A>, Reason>
  ) => Effect.Effect<Page<A>, Reason>
}

/** The query of the page behind this one. A list that may go on, and nobody can tell where, is an error. */
export const nextOf = (headers: Response["headers"], url: URL): Effect.Effect<string | undefined, InvalidResponse> => {
  const target = nextLink(headers)
  if (target === undefined) return Effect.succeed(undefined)
  const address = addressOfHeader(target ?? "")
  const query = target !== null && URL.canParse(address, url.href) ? new URL(address, url).search.slice(1) : ""
  return query === ""
    ? Effect.fail(new InvalidResponse({ url: redactUrl(url), problem: "its Link header has no valid next page" }))
    : Effect.succeed(query)
}

/** Item by item; the next page is asked for when the consumer wants it. */
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
      const isFirst = asked.size === 0
      asked.add(query)
      return lift(isFirst ? fetch(query) : Effect.andThen(Effect.flatten(Demand), fetch(query)))
    }).pipe(
      tap((page) => {
        const { url, size, next } = page
        bytes += size
        items += page.items.length
        if (bytes > limits.listBytes) throw exceeded("listBytes", "bytes", url)
        if (items > limits.listItems) throw exceeded("listItems", "items", url)
        if (next === undefined) return
        if (asked.has(next))
          throw new InvalidResponse({ url, problem: "a page's Link header leads back to an earlier page" })
        if (asked.size >= limits.listPages) throw exceeded("listPages", "pages", url)
        query = next
      }),
      repeat(),
      takeWhile(({ next }) => next !== undefined, true),
      concatMap(({ items }) => from(items))
    )
  })
