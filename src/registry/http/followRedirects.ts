/** Redirects (RFC 9110, section 15.4): bounded, looked at one by one, and without credentials past the first origin. */
import * as Effect from "effect/Effect"
import * as Record from "effect/Record"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { type AddressRefused, InvalidResponse, redactUrl } from "../../api/errors.ts"
import type { Endpoint } from "../address/Endpoint.ts"
import type { HostUnavailable } from "../connection/HostBackoff.ts"
import type { Answer, Request, Transport } from "../connection/Transport.ts"
import { addressOfHeader, headerOf } from "../headers/readHeader.ts"
import { discard } from "./discard.ts"

export interface FinalResponse extends Answer {
  /** The answer comes from another origin than was asked: it may not ask for credentials. */
  readonly isCrossOrigin: boolean
}

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const mostRedirects = 10

export const followRedirects = Effect.fnUntraced(function* (
  transport: Transport,
  endpoint: Endpoint,
  request: Request,
  authorization: Redacted.Redacted<string> | undefined
): Effect.fn.Return<FinalResponse, HostUnavailable | AddressRefused | InvalidResponse, Scope.Scope> {
  let { url } = request
  let isCrossOrigin = false
  for (let hops = 0; hops <= mostRedirects; hops++) {
    // Once dropped, the credentials stay dropped, even if the way leads back.
    const own =
      isCrossOrigin || url.origin !== endpoint.origin ? {} : Record.map(endpoint.headers ?? {}, Redacted.value)
    const credentials =
      isCrossOrigin || authorization === undefined ? undefined : { authorization: Redacted.value(authorization) }
    const headers = { ...own, ...request.headers, ...credentials }
    const answer = yield* transport.send(endpoint, { ...request, url, headers })
    if (!redirects.has(answer.status)) return { ...answer, isCrossOrigin }

    const written = headerOf(answer.headers, "location")
    const location = written === undefined ? undefined : addressOfHeader(written)
    if (request.method === "POST" || location === undefined || !URL.canParse(location, url.href))
      return yield* new InvalidResponse({ url: redactUrl(url), problem: `status ${answer.status} leads nowhere` })
    const next = new URL(location, url)
    const refused = transport.refusal(endpoint, url, next)
    if (refused !== undefined) return yield* refused
    isCrossOrigin ||= next.origin !== url.origin
    yield* discard(answer)
    url = next
  }
  return yield* new InvalidResponse({
    url: redactUrl(request.url),
    problem: `more than ${mostRedirects} redirects`
  })
})
