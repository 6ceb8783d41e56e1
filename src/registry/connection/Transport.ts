/** Sends requests, over connections that live as long as the scope and go only where the guard allows. */

import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { codeOf } from "../../api/codeOf.ts"
import { defaultRetry, defaults, type Timeouts } from "../../api/config.ts"
import { type AddressRefused, RegistryUnreachable, redactUrl } from "../../api/errors.ts"
import { rememberHeaders, rememberSecret } from "../../api/secrets.ts"
import { type AddressGuard, type LookupAll, makeAddressGuard, refusedCode } from "../address/AddressGuard.ts"
import type { Endpoint } from "../address/Endpoint.ts"
import { type ForwardProxy, type ProxyFor, UnusableProxy } from "../proxy/Proxy.ts"
import { speaksTls } from "../tls/speaksTls.ts"
import { type Tls, trusting } from "../tls/Tls.ts"
import { makeAgents } from "./Agents.ts"
import {
  connectionAdvice,
  connectionProblem,
  isConnectionClosed,
  isPermanent,
  likelyCause,
  loopbackAdvice
} from "./connectionErrors.ts"
import { exchange, type Response } from "./exchange.ts"
import { type HostUnavailable, makeHostBackoff, type OnWait } from "./HostBackoff.ts"

export interface Request {
  readonly method: "GET" | "HEAD" | "POST"
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** Default: waits without telling anyone. */
  readonly waiting?: OnWait
}

export interface Answer extends Response {
  readonly url: URL
  /** Milliseconds within which a document has to be complete. */
  readonly documentTimeout: number
}

export type Transport = {
  /** Sends a request on behalf of `endpoint`: to itself, or to where it pointed. Does not follow redirects. */
  readonly send: (
    endpoint: Endpoint,
    request: Request
  ) => Effect.Effect<Answer, HostUnavailable | AddressRefused, Scope.Scope>
  /** Milliseconds, from now on, that a host asked to wait. */
  readonly remainingPause: (url: URL) => Effect.Effect<number>
  /** An endpoint that was presumed to use plain HTTP, with the protocol that it turned out to use. */
  readonly actual: (endpoint: Endpoint) => Endpoint
} & Pick<AddressGuard, "refusal" | "placeOf">

export interface TransportOptions {
  readonly timeouts: Omit<Timeouts, "total">
  /** Connections to one host at once. Default 32. */
  readonly connections?: number | undefined
  /** The longest pause, in milliseconds, that a host can ask for. */
  readonly maxWait?: number
  readonly userAgent?: string
  readonly proxyFor?: ProxyFor
  /** The TLS settings of hosts that a registry pointed to. */
  readonly tlsOfHost?: (host: string) => Effect.Effect<Tls | undefined>
  /** Default: the system's. */
  readonly lookup?: LookupAll
}

const requests = Metric.counter("ociflow_registry_requests", {
  description: "Requests to registries",
  incremental: true
})

/** Most origins that are remembered. */
const mostOrigins = 1000

/** Milliseconds for a server on this machine to answer a TLS handshake, if it speaks TLS. */
const longestHandshake = 1000

const showsCertificate = ({ origin, tls }: Endpoint, url: URL): boolean =>
  url.origin === origin && tls !== undefined && tls.client.length > 0

/** The request for a proxy that does not tunnel: for plain HTTP, it names the whole address. */
const throughPlainly = ({ origin, authorization }: ForwardProxy, url: URL) => ({
  origin,
  path: `${url.origin}${url.pathname}${url.search}`,
  headers: {
    host: url.host,
    ...(authorization === undefined ? {} : { "proxy-authorization": Redacted.value(authorization) })
  }
})

const presumedAdvice = ({ presumed, origin }: Endpoint, url: URL): string | undefined =>
  presumed === true && url.origin === origin ? loopbackAdvice : undefined

const unreachable = (url: URL, cause: unknown, problem: string, remedy: string | undefined) =>
  new RegistryUnreachable({ url: redactUrl(url), problem, cause, ...(remedy === undefined ? {} : { remedy }) })

export const makeTransport = Effect.fnUntraced(function* ({
  timeouts,
  connections = defaults.connections,
  maxWait = defaultRetry.maxWait,
  userAgent = "ociflow",
  proxyFor = () => undefined,
  tlsOfHost = () => Effect.undefined,
  lookup
}: TransportOptions): Effect.fn.Return<Transport, never, Scope.Scope> {
  const guard = makeAddressGuard(lookup)
  const agentFor = yield* makeAgents(timeouts, connections)
  const backoff = makeHostBackoff(maxWait)

  const wayTo = Effect.fnUntraced(function* (endpoint: Endpoint, url: URL, proxy: ForwardProxy | undefined) {
    const own = url.origin === endpoint.origin
    const tls = own ? endpoint.tls : trusting(endpoint.tls, yield* tlsOfHost(url.host))
    const tunnelled = proxy !== undefined && (url.protocol === "https:" || proxy.socks !== undefined)
    return {
      judgement: proxy === undefined ? guard.policyFor(endpoint, url) : guard.ofProxy,
      tls,
      proxy: tunnelled ? proxy : undefined
    }
  })

  const send = Effect.fnUntraced(function* (
    endpoint: Endpoint,
    { url, waiting, ...request }: Request
  ): Effect.fn.Return<Answer, HostUnavailable | AddressRefused, Scope.Scope> {
    yield* backoff.waitUntilReady(url, waiting)
    const proxy = proxyFor(url)
    if (proxy instanceof UnusableProxy)
      return yield* unreachable(url, proxy, proxy.message, connectionAdvice(proxy.code, url, undefined))
    const isPlain = proxy !== undefined && url.protocol === "http:" && proxy.socks === undefined
    const plainly = isPlain ? throughPlainly(proxy, url) : undefined
    const headers = { "user-agent": userAgent, "accept-encoding": "identity", ...request.headers, ...plainly?.headers }
    const options = { ...request, origin: url.origin, path: url.pathname + url.search, ...plainly, headers }
    rememberHeaders(headers, Object.keys(endpoint.headers ?? {}))
    if (proxy?.authorization !== undefined)
      rememberHeaders({ "proxy-authorization": Redacted.value(proxy.authorization) })
    if (proxy?.socks !== undefined) rememberSecret(Redacted.value(proxy.socks.password))
    const way = yield* wayTo(endpoint, url, proxy)
    const answer = yield* agentFor(way).pipe(
      Effect.flatMap((agent) => exchange(agent, options, timeouts)),
      Effect.mapError((error) =>
        codeOf(error) === refusedCode
          ? guard.refused(endpoint, url)
          : unreachable(
              url,
              error,
              connectionProblem(error) +
                (backoff.isKnown(url) ? "" : likelyCause(error, url, showsCertificate(endpoint, url))),
              connectionAdvice(codeOf(error), url, way.tls) ?? presumedAdvice(endpoint, url)
            )
      ),
      Effect.tapError((error) =>
        error._tag === "RegistryUnreachable" && !isPermanent(error.cause) ? backoff.failed(url, error) : Effect.void
      )
    )
    yield* backoff.answered(url, answer)
    if (proxy === undefined && url.origin === endpoint.origin) guard.answered(endpoint, answer.peer)
    yield* Metric.update(requests, 1)
    yield* Effect.annotateCurrentSpan({ "http.response.status_code": answer.status })
    if (answer.status === 407)
      return yield* new RegistryUnreachable({
        url: redactUrl(url),
        problem: `the proxy ${proxy === undefined ? "" : new URL(proxy.origin).host} answered 407: it requires a user name and a password`
      })
    return { ...answer, url, documentTimeout: timeouts.document }
  })

  /** Whether endpoints that were presumed to use plain HTTP speak TLS, by origin. */
  const secured = new Map<string, boolean>()
  const actual: Transport["actual"] = (endpoint) => {
    if (endpoint.presumed !== true || secured.get(endpoint.origin) !== true) return endpoint
    const { presumed: _, ...known } = endpoint
    return { ...known, origin: endpoint.origin.replace(/^http:/, "https:") }
  }

  /** If the first answer, or the lack of one, suggests a TLS server, checks whether it is one. */
  const presuming = Effect.fnUntraced(function* (
    endpoint: Endpoint,
    request: Request
  ): Effect.fn.Return<Answer, HostUnavailable | AddressRefused, Scope.Scope> {
    const { origin, presumed } = endpoint
    if (presumed !== true || request.url.origin !== origin || secured.has(origin)) return yield* send(endpoint, request)
    const answer = yield* Effect.result(send(endpoint, request))
    const doubtful = Result.isSuccess(answer)
      ? answer.success.status === 400
      : answer.failure._tag === "RegistryUnreachable" && isConnectionClosed(answer.failure.cause)
    if (doubtful || Result.isSuccess(answer)) {
      const speaks = doubtful && (yield* speaksTls(request.url, Math.min(timeouts.connect, longestHandshake)))
      if (secured.size >= mostOrigins) secured.clear()
      secured.set(origin, speaks)
      const problem = "it uses HTTPS, not plain HTTP"
      if (speaks) return yield* new RegistryUnreachable({ url: redactUrl(request.url), problem })
    }
    return yield* Effect.fromResult(answer)
  })

  return {
    // No trace headers are sent: a registry learns nothing of us but what its requests need.
    send: (endpoint, request) =>
      presuming(endpoint, request).pipe(
        Effect.withSpan("ociflow.request", {
          kind: "client",
          attributes: {
            "http.request.method": request.method,
            "server.address": request.url.hostname,
            "url.full": redactUrl(request.url)
          }
        })
      ),
    remainingPause: backoff.remainingPause,
    actual,
    refusal: guard.refusal,
    placeOf: guard.placeOf
  }
})
