/** Who may pull, and what a registry tells those who may not yet. */

export type Users = Readonly<Record<string, string>>

export interface BasicAuth {
  readonly type: "basic"
  /** Passwords by user name. */
  readonly users: Users
}

/** The token service of the distribution project: GET with Basic credentials, POST as OAuth2 has it. */
export interface BearerAuth {
  readonly type: "bearer"
  /** Passwords by user name. */
  readonly users?: Users
  /** User names by identity (OAuth2 refresh) token. */
  readonly identityTokens?: Users
  /** Whether a token is given without credentials. Default: true where there are no users. */
  readonly anonymous?: boolean
  /** Seconds of `expires_in`. Default 300. */
  readonly expiresIn?: number
  /** Seconds a token is really good for. Default: `expiresIn`. */
  readonly lifetime?: number
  /** A token is good for so many requests to the registry. Default: no bound. */
  readonly uses?: number
  /** Whether POST is offered; else 404, as older services answer. Default true. */
  readonly oauth2?: boolean
  /** Which field carries the token. Default `both`. */
  readonly field?: "token" | "access_token" | "both"
  /** Whether this user (`undefined`: anonymous) may pull from a repository. Default: everybody who has a token. */
  readonly mayPull?: (user: string | undefined, repository: string) => boolean
  /** The service on a port of its own. Default false: `/token` on the registry. */
  readonly ownOrigin?: boolean
  /** Changes the `WWW-Authenticate` header, to lie in it. */
  readonly challenge?: (header: string) => string
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number
}

export type AuthOptions = BasicAuth | BearerAuth

/** User and password of an `Authorization: Basic` header. */
export const basicOf = (authorization: string | undefined): readonly [user: string, password: string] | undefined => {
  const [, encoded] = /^basic +(\S+)$/i.exec(authorization ?? "") ?? []
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, "base64").toString()
  const colon = text.indexOf(":")
  return colon < 0 ? undefined : [text.slice(0, colon), text.slice(colon + 1)]
}

export const isKnownUser = (users: Users | undefined, [user, password]: readonly [string, string]): boolean =>
  users !== undefined && Object.hasOwn(users, user) && users[user] === password
