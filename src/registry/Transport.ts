/**
 * The connections: undici agents that live as long as the scope, and the guard on where they may connect.
 *
 * A registry's own host is connected to wherever it lies. Hosts that a registry only points to are judged by the
 * addresses that their names resolve to, inside the connection's own look-up: judged before, a name could resolve to
 * something else a moment later. Proxies and certificates will be options of these agents.
 */
import { lookup } from "node:dns"
import { setMaxListeners } from "node:events"
import type { LookupFunction } from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Agent } from "undici"
import type { Timeouts } from "../config.ts"
import { AddressRefused, RegistryUnreachable, redactUrl } from "../errors.ts"
import { hostOf, mayLead, type Place, placeOfAddress, placeOfHost } from "./Address.ts"
import { addressOf, type Endpoint } from "./Endpoint.ts"
import { type Exchanged, exchange } from "./exchange.ts"
import { guardedAgent } from "./GuardedClient.ts"
import { codeOf, problemOf } from "./problem.ts"

export interface Request {
  readonly method: "GET" | "HEAD" | "POST"
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export interface Answer extends Exchanged {
  readonly url: URL
}

export interface Transport {
  /** Sends a request that `endpoint` is behind: to itself, or to where it pointed. Follows nothing. */
  readonly send: (
    endpoint: Endpoint,
    request: Request
  ) => Effect.Effect<Answer, RegistryUnreachable | AddressRefused, Scope.Scope>
  /** Where the registry lies, known for sure once it was connected to; the strictest before. */
  readonly placeOf: (endpoint: Endpoint) => Place
}

/** Hosts whose place is remembered. */
const capacity = 1000

const refusal = "ADDRESS_REFUSED"

/** Resolves as the system does, and lets `judge` look at the addresses before one is connected to. */
const judging =
  (judge: (host: string, places: ReadonlyArray<Place>) => boolean): LookupFunction =>
  (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? []
      if (error !== null || first === undefined) return callback(error ?? new Error("no address"), "", 0)
      const places = addresses.map(({ address }) => placeOfAddress(address))
      if (!judge(host, places)) return callback(Object.assign(new Error("refused"), { code: refusal }), "", 0)
      return options.all === true ? callback(null, addresses) : callback(null, first.address, first.family)
    })
  }

export const makeTransport = Effect.fnUntraced(function* (
  timeouts: Timeouts
): Effect.fn.Return<Transport, never, Scope.Scope> {
  const places = new Map<string, Place>()
  const agents = new Map<Place | "own", Agent>()
  const closing = new AbortController()
  setMaxListeners(0, closing.signal)

  const agent = (key: Place | "own", resolve: LookupFunction): Agent => {
    const known = agents.get(key)
    if (known !== undefined) return known
    // The signal ends connections that are still being made; `destroy` would wait for them.
    const connect = { timeout: timeouts.connect, lookup: resolve, signal: closing.signal }
    const made = guardedAgent({ connect, headersTimeout: timeouts.headers, bodyTimeout: 0 })
    agents.set(key, made)
    return made
  }
  yield* Effect.addFinalizer(() =>
    Effect.promise(async () => {
      closing.abort()
      await Promise.all([...agents.values()].map((each) => each.destroy()))
    })
  )

  const learn = judging((host, found) => {
    // All of them: a name that is public as well could lend a stranger the rights of a neighbour.
    const [first = "public"] = found
    if (places.size >= capacity) places.clear()
    places.set(host, found.every((place) => place === first) ? first : "public")
    return true
  })
  const placeOf = (endpoint: Endpoint): Place => {
    const url = addressOf(endpoint)
    return placeOfHost(hostOf(url)) ?? places.get(url.hostname) ?? "public"
  }

  const send = Effect.fnUntraced(function* (endpoint: Endpoint, { url, ...request }: Request) {
    const home = placeOf(endpoint)
    const dispatcher =
      url.origin === endpoint.origin
        ? agent("own", learn)
        : agent(
            home,
            judging((_, found) => found.every((place) => mayLead(home, place)))
          )
    const headers = { "user-agent": "ociflow", "accept-encoding": "identity", ...request.headers }
    const options = { ...request, headers, origin: url.origin, path: url.pathname + url.search }
    const answer = yield* exchange(dispatcher, options, timeouts.idle).pipe(
      Effect.mapError((error) =>
        codeOf(error) === refusal
          ? new AddressRefused({
              from: redactUrl(endpoint.origin),
              to: redactUrl(url),
              problem: `a ${home} registry may not lead there`
            })
          : new RegistryUnreachable({ url: redactUrl(url), problem: problemOf(error), cause: error })
      )
    )
    return { ...answer, url }
  })
  return { send, placeOf }
})
