/** Lets a request in, or answers it with 401 and a challenge (RFC 9110 §11, distribution's token specification). */

import { failure, type Reply } from "../http/Reply.ts"
import type { Route } from "../http/Route.ts"
import { type AuthOptions, basicOf, isKnownUser } from "./AuthOptions.ts"
import { TokenService } from "./TokenService.ts"

export class Authenticator {
  readonly #options: AuthOptions | undefined
  readonly tokens: TokenService | undefined

  constructor(options: AuthOptions | undefined) {
    this.#options = options
    this.tokens = options?.type === "bearer" ? new TokenService(options) : undefined
  }

  /** `undefined`: come in. `realm` is the token service's address; `service` the registry's host. */
  refuse(route: Route, authorization: string | undefined, realm: string, service: string): Reply | undefined {
    if (this.#options === undefined) return undefined
    if (this.#options.type === "basic") {
      const basic = basicOf(authorization)
      if (basic !== undefined && isKnownUser(this.#options.users, basic)) return undefined
      return unauthorized(`Basic realm="${service}"`)
    }
    const [, token] = /^bearer +(\S+)$/i.exec(authorization ?? "") ?? []
    const problem = token === undefined ? null : this.tokens?.problem(token, route.repository)
    if (problem === undefined) return undefined
    const header = [
      `Bearer realm="${realm}"`,
      `service="${service}"`,
      ...(route.repository === undefined ? [] : [`scope="repository:${route.repository}:pull"`]),
      ...(problem === null ? [] : [`error="${problem}"`])
    ].join(",")
    return unauthorized(this.#options.challenge?.(header) ?? header)
  }
}

const unauthorized = (challenge: string) =>
  failure(401, "UNAUTHORIZED", "authentication required", { "www-authenticate": challenge })
