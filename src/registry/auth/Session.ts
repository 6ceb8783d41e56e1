/**
 * Requests to one repository of one registry, with whatever its challenges ask for.
 *
 * The registry says by 401 how to authenticate; what worked is remembered, so that later requests carry their token at
 * once. A token that is refused (expired, or for too small a scope) is renewed once for each request.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { Reason } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import { addressOf, type Endpoint } from "../address/Endpoint.ts"
import type { OnWait } from "../connection/HostBackoff.ts"
import type { Transport } from "../connection/Transport.ts"
import { type Challenge, parseChallenges } from "../headers/Challenge.ts"
import { notices } from "../headers/notices.ts"
import { addressOfHeader, textOfHeader } from "../headers/readHeader.ts"
import { discard } from "../http/discard.ts"
import { type RefusalContext, refusalReason } from "../http/errorResponse.ts"
import { type FinalResponse, followRedirects } from "../http/followRedirects.ts"
import type { Login } from "./Login.ts"
import { basic, type TokenRequest, type Tokens } from "./Tokens.ts"

export interface SessionRequest {
  readonly method: "GET" | "HEAD"
  /** Below the repository: `manifests/latest`; without a repository, below the API's root. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

export interface Session {
  readonly endpoint: Endpoint
  /**
   * Sends a request, with renewals. Any status comes back but 401 and 403, which fail with `AccessDenied`.
   * The answer belongs to the scope.
   */
  readonly ask: (ask: SessionRequest) => Effect.Effect<FinalResponse, Reason, Scope.Scope>
  /** Fails with the reason that an answer stands for. */
  readonly refuse: (answer: FinalResponse, notFound: RefusalContext["notFound"]) => Effect.Effect<never, Reason>
}

/** How to authenticate to a repository, as its registry said. */
type Scheme =
  | { readonly _tag: "Basic" }
  | {
      readonly _tag: "Bearer"
      readonly realm: string
      readonly service: string | undefined
      readonly scope: string | undefined
    }

/** Schemes by repository; shared by the sessions of a puller. */
export type Schemes = Map<string, Scheme>

const mostSchemes = 1000

/** An `Authorization` header, and how to forget the token it was made from. */
interface Shown {
  readonly authorization: Redacted.Redacted<string> | undefined
  readonly forget: Effect.Effect<void>
}

const bearer = (token: Redacted.Redacted<string>) => Redacted.make(`Bearer ${Redacted.value(token)}`)

/** Requests for one answer: without a token, with one that turns out to be old, with a new one. */
const mostRequests = 3

export interface SessionServices {
  readonly transport: Transport
  readonly tokens: Tokens
  readonly schemes: Schemes
}

const sessionAt = (
  { transport, tokens, schemes }: SessionServices,
  endpoint: Endpoint,
  repository: string,
  login: Login | undefined,
  emit: Emit,
  waiting: OnWait
): Session => {
  const key = `${endpoint.origin}${endpoint.root ?? ""}/${repository}`

  /** Bearer before Basic: a token tells less than a password. A registry token is shown already, and cannot be renewed. */
  const schemeOf = (challenges: ReadonlyArray<Challenge>): Scheme | undefined => {
    if (login?._tag === "RegistryToken") return undefined
    for (const { scheme, parameters } of challenges) {
      const realm = parameters.get("realm")
      const scope = parameters.get("scope") || (repository === "" ? undefined : `repository:${repository}:pull`)
      if (scheme !== "bearer" || realm === undefined) continue
      const service = parameters.get("service")
      return {
        _tag: "Bearer",
        realm: addressOfHeader(realm),
        service: service === undefined ? undefined : textOfHeader(service),
        scope: scope === undefined ? undefined : textOfHeader(scope)
      }
    }
    return login?._tag === "Password" && challenges.some(({ scheme }) => scheme === "basic")
      ? { _tag: "Basic" }
      : undefined
  }

  const show = Effect.fnUntraced(function* (): Effect.fn.Return<Shown, Reason> {
    const scheme = schemes.get(key)
    if (login?._tag === "RegistryToken") return { authorization: bearer(login.token), forget: Effect.void }
    if (scheme?._tag === "Bearer") {
      const { realm, service, scope } = scheme
      const request: TokenRequest = { endpoint, realm, service, scope, login }
      const token = yield* tokens.get(request, waiting)
      return { authorization: bearer(token), forget: tokens.forget(request, token) }
    }
    const password = scheme?._tag === "Basic" && login?._tag === "Password"
    return { authorization: password ? basic(login.username, login.password) : undefined, forget: Effect.void }
  })

  const refuse: Session["refuse"] = (answer, notFound) =>
    refusalReason(answer, {
      authenticated: login !== undefined && !answer.isCrossOrigin,
      redirected: answer.isCrossOrigin,
      ...(notFound === undefined ? {} : { notFound })
    })

  const ask = Effect.fnUntraced(function* ({
    method,
    path,
    headers
  }: SessionRequest): Effect.fn.Return<FinalResponse, Reason, Scope.Scope> {
    const url = addressOf(endpoint, repository === "" ? path : `${repository}/${path}`)
    for (let requests = 1; ; requests++) {
      const shown = yield* show()
      const answer = yield* followRedirects(transport, endpoint, { method, url, headers, waiting }, shown.authorization)
      if (path.startsWith("manifests/") && !answer.isCrossOrigin)
        notices(endpoint.registry, answer.headers).forEach(emit)
      if (answer.status !== 401 && answer.status !== 403) return answer

      const challenges = parseChallenges(answer.headers["www-authenticate"])
      const renewable =
        answer.status === 401 || challenges.some(({ parameters }) => parameters.get("error") === "insufficient_scope")
      // Another origin may not ask for credentials, and a password does not get better.
      const scheme = renewable && !answer.isCrossOrigin ? schemeOf(challenges) : undefined
      const spent = scheme?._tag === "Basic" && shown.authorization !== undefined
      if (scheme === undefined || spent || requests === mostRequests) return yield* refuse(answer, undefined)

      yield* discard(answer)
      yield* shown.forget
      if (schemes.size >= mostSchemes) schemes.clear()
      schemes.set(key, scheme)
    }
  })

  return { endpoint, ask, refuse }
}

export const makeSession = (
  shared: SessionServices,
  endpoint: Endpoint,
  repository: string,
  login: Login | undefined,
  emit: Emit,
  waiting: OnWait = () => Effect.void
): Session => {
  const at = (endpoint: Endpoint) => sessionAt(shared, endpoint, repository, login, emit, waiting)
  if (endpoint.presumed !== true) return at(endpoint)
  const { actual } = shared.transport
  return {
    get endpoint() {
      return actual(endpoint)
    },
    ask: Effect.fnUntraced(function* (request) {
      const before = actual(endpoint)
      return yield* Effect.catch(at(before).ask(request), (reason) => {
        const now = actual(endpoint)
        return now.origin === before.origin ? Effect.fail(reason) : at(now).ask(request)
      })
    }),
    refuse: at(endpoint).refuse
  }
}
