/**
 * Bearer tokens (distribution: "Token Authentication Specification", "OAuth2 Token Authentication").
 *
 * A token is kept for its life, by all that it depends on: the user, the registry, and the scope. Requests for the same
 * token share one fetch, which is interrupted when the last of them is.
 */
import * as Cache from "effect/Cache"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { InvalidResponse, type Reason, redactUrl } from "../../api/errors.ts"
import { rememberSecret } from "../../api/secrets.ts"
import { parseJson } from "../../image/json/parseJson.ts"
import * as Shape from "../../image/json/Shape.ts"
import { addressOf, type Endpoint } from "../address/Endpoint.ts"
import type { OnWait } from "../connection/HostBackoff.ts"
import type { Answer, Request, Transport } from "../connection/Transport.ts"
import { holdsDocument } from "../headers/readHeader.ts"
import { refusalReason, shortBody } from "../http/errorResponse.ts"
import { followRedirects } from "../http/followRedirects.ts"
import { readDocument } from "../http/readDocument.ts"
import type { Login } from "./Login.ts"

export type AccessToken = Redacted.Redacted<string>

export interface TokenRequest {
  /** The registry that named the realm: the token is sent nowhere else. */
  readonly endpoint: Endpoint
  readonly realm: string
  readonly service: string | undefined
  readonly scope: string | undefined
  readonly login: Login | undefined
}

export interface Tokens {
  /** `waiting` is called where the token server asks to wait before it gives one. */
  readonly get: (request: TokenRequest, waiting?: OnWait) => Effect.Effect<AccessToken, Reason>
  /** Forgets a token that was refused, unless another took its place meanwhile. */
  readonly forget: (request: TokenRequest, token: AccessToken) => Effect.Effect<void>
}

/** Either name is in use, and some servers write both. */
const Answered = Shape.Struct({
  token: Shape.optionalKey(Shape.String),
  access_token: Shape.optionalKey(Shape.String),
  expires_in: Shape.optionalKey(Shape.Unknown)
})

/** What the specification says of a token that does not tell. */
const defaultSeconds = 60

/** Seconds that a token is used for: some are left over, so that it does not expire on its way. */
const usefulSeconds = (expiresIn: unknown): number => {
  const seconds = typeof expiresIn === "number" && expiresIn > 0 ? expiresIn : defaultSeconds
  return seconds - Math.min(10, seconds / 2)
}

/** The value goes into a header. */
const isToken = (text: string | undefined): text is string => text !== undefined && /^[\x21-\x7e]+$/.test(text)

export const basic = (username: string, password: Redacted.Redacted<string>): Redacted.Redacted<string> =>
  Redacted.make(`Basic ${Buffer.from(`${username}:${Redacted.value(password)}`).toString("base64")}`)

/** A password is shown in a header, a refresh token in a form, and an anonymous request shows nothing. */
const write = (realm: URL, { service, scope, login }: TokenRequest) => {
  const accept = { accept: "application/json" }
  if (login?._tag === "IdentityToken") {
    const form = new URLSearchParams({ grant_type: "refresh_token", client_id: "ociflow" })
    if (scope !== undefined) form.set("scope", scope)
    if (service !== undefined) form.set("service", service)
    form.set("refresh_token", Redacted.value(login.token))
    rememberSecret(Redacted.value(login.token))
    const headers = { ...accept, "content-type": "application/x-www-form-urlencoded" }
    return { request: { method: "POST", url: realm, headers, body: form.toString() } satisfies Request }
  }
  const url = new URL(realm)
  if (service !== undefined) url.searchParams.set("service", service)
  if (scope !== undefined) url.searchParams.append("scope", scope)
  const request: Request = { method: "GET", url, headers: accept }
  return login?._tag === "Password" ? { request, authorization: basic(login.username, login.password) } : { request }
}

/**
 * Some services know no POST (404, 405) or want no refresh token (401: Artifactory): they take it for the password of
 * its user.
 */
const withoutOAuth2 = Effect.fnUntraced(function* (
  transport: Transport,
  wanted: TokenRequest,
  realm: URL,
  { status }: Answer
) {
  const { endpoint, login } = wanted
  if (login?._tag !== "IdentityToken" || login.username === undefined || ![401, 404, 405].includes(status))
    return undefined
  const { username, token: password } = login
  const { request, authorization } = write(realm, { ...wanted, login: { _tag: "Password", username, password } })
  return yield* followRedirects(transport, endpoint, request, authorization)
})

const fetchToken = (transport: Transport) =>
  Effect.fnUntraced(function* (
    wanted: TokenRequest
  ): Effect.fn.Return<{ readonly token: AccessToken; readonly seconds: number }, Reason, Scope.Scope> {
    const { endpoint, login } = wanted
    const from = redactUrl(endpoint.origin)
    if (!URL.canParse(wanted.realm))
      return yield* new InvalidResponse({ url: from, problem: "the token realm is not a valid address" })
    const realm = new URL(wanted.realm)
    const refused = transport.refusal(endpoint, addressOf(endpoint), realm)
    if (refused !== undefined) return yield* refused

    const { request, authorization } = write(realm, wanted)
    const first = yield* followRedirects(transport, endpoint, request, authorization)
    const answer = (yield* withoutOAuth2(transport, wanted, realm, first)) ?? first
    if (!holdsDocument(answer.status)) return yield* refusalReason(answer, { authenticated: login !== undefined })
    const unusable = new InvalidResponse({ url: redactUrl(realm), problem: "its answer has no usable token" })
    const told = yield* readDocument(answer, shortBody).pipe(
      Effect.catchTag("TooLong", () => unusable),
      Effect.flatMap((body) =>
        parseJson(body).pipe(
          Effect.flatMap(Shape.decode(Answered)),
          Effect.mapError(() => unusable)
        )
      )
    )
    const text = [told.token, told.access_token].find(isToken)
    if (text === undefined) return yield* unusable
    return { token: Redacted.make(text), seconds: usefulSeconds(told.expires_in) }
  }, Effect.scoped)

export const makeTokens = Effect.fnUntraced(function* (transport: Transport): Effect.fn.Return<Tokens> {
  const cache = yield* Cache.makeWith(fetchToken(transport), {
    capacity: 256,
    timeToLive: Exit.match({ onFailure: () => Duration.zero, onSuccess: ({ seconds }) => Duration.seconds(seconds) })
  })
  return {
    get: Effect.fnUntraced(function* (request, waiting = () => Effect.void) {
      const known = yield* Cache.getSuccess(cache, request)
      if (Option.isNone(known) && URL.canParse(request.realm)) {
        const realm = new URL(request.realm)
        const millis = yield* transport.remainingPause(realm)
        if (millis > 0) yield* waiting(millis, realm.host)
      }
      return (yield* Cache.get(cache, request)).token
    }),
    forget: (request, token) =>
      Effect.asVoid(
        Cache.invalidateWhen(cache, request, (kept) => Redacted.value(kept.token) === Redacted.value(token))
      )
  }
})
