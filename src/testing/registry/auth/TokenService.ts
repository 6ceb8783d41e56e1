/** Issues bearer tokens and knows what each of them is good for. The tokens are names for rows in a table, no JWTs. */

import { failure, json, type Reply } from "../http/Reply.ts"
import { type BearerAuth, basicOf, isKnownUser } from "./AuthOptions.ts"

interface Grant {
  readonly user: string | undefined
  readonly repositories: ReadonlySet<string>
  readonly expires: number
  uses: number
}

export interface TokenRequest {
  readonly method: string
  readonly query: URLSearchParams
  readonly authorization: string | undefined
  /** The form of a POST. */
  readonly form: string
}

export class TokenService {
  readonly #options: BearerAuth
  readonly #grants = new Map<string, Grant>()
  /** Tokens that were given out. */
  issued = 0

  constructor(options: BearerAuth) {
    this.#options = options
  }

  /** Every token given so far is worth nothing from here on. */
  expireAll(): void {
    this.#grants.clear()
  }

  /** What is wrong with a token for this repository, in the words of RFC 6750 §3.1; `undefined` where it is good. */
  problem(token: string, repository: string | undefined): "invalid_token" | "insufficient_scope" | undefined {
    const grant = this.#grants.get(token)
    if (grant === undefined || grant.expires <= this.#now() || grant.uses <= 0) return "invalid_token"
    if (repository !== undefined && !grant.repositories.has(repository)) return "insufficient_scope"
    grant.uses--
    return undefined
  }

  answer(request: TokenRequest): Reply {
    if (request.method === "GET") return this.#get(request)
    if (request.method === "POST" && this.#options.oauth2 !== false) return this.#post(request)
    return failure(request.method === "POST" ? 404 : 405, "UNSUPPORTED", "the operation is unsupported")
  }

  #get({ query, authorization }: TokenRequest): Reply {
    const basic = basicOf(authorization)
    if (basic !== undefined && !isKnownUser(this.#options.users, basic)) return denied
    if (basic === undefined && !this.#anonymous) return denied
    return this.#issue(basic?.[0], query.getAll("scope"))
  }

  #post({ form }: TokenRequest): Reply {
    const fields = new URLSearchParams(form)
    const scopes = fields.getAll("scope").flatMap((scope) => scope.split(" "))
    const refresh = fields.get("refresh_token") ?? ""
    const { users, identityTokens } = this.#options
    switch (fields.get("grant_type")) {
      case "refresh_token": {
        const user = Object.hasOwn(identityTokens ?? {}, refresh) ? identityTokens?.[refresh] : undefined
        return user === undefined ? denied : this.#issue(user, scopes, { refresh_token: refresh })
      }
      case "password": {
        const user = fields.get("username") ?? ""
        return isKnownUser(users, [user, fields.get("password") ?? ""]) ? this.#issue(user, scopes) : denied
      }
      default:
        return json(400, { error: "unsupported_grant_type" })
    }
  }

  #issue(user: string | undefined, scopes: ReadonlyArray<string>, more: Readonly<Record<string, string>> = {}): Reply {
    const {
      expiresIn = 300,
      lifetime = expiresIn,
      field = "both",
      mayPull = () => true,
      uses = Infinity
    } = this.#options
    const granted = scopes.flatMap((scope) => {
      const [, repository, actions = ""] = /^repository:(.+):([^:]*)$/.exec(scope) ?? []
      return repository !== undefined && actions.split(",").includes("pull") && mayPull(user, repository)
        ? [repository]
        : []
    })
    const token = `token-${++this.issued}-${user ?? "anonymous"}`
    const now = this.#now()
    this.#grants.set(token, { user, repositories: new Set(granted), expires: now + lifetime * 1000, uses })
    return json(200, {
      ...(field === "access_token" ? {} : { token }),
      ...(field === "token" ? {} : { access_token: token }),
      scope: granted.map((repository) => `repository:${repository}:pull`).join(" "),
      expires_in: expiresIn,
      issued_at: new Date(now).toISOString(),
      ...more
    })
  }

  get #anonymous(): boolean {
    return this.#options.anonymous ?? (this.#options.users === undefined && this.#options.identityTokens === undefined)
  }
  #now(): number {
    return (this.#options.now ?? Date.now)()
  }
}

const denied = failure(401, "UNAUTHORIZED", "incorrect username or password")
