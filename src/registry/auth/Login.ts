/** Who we are to a registry, and where that is found. Secrets are `Redacted` from the moment they are read. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type { Credentials } from "../../api/config.ts"
import type { CredentialsUnavailable, InvalidOption } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"

/** What is shown to a registry, or to the token server that it names. */
export type Login =
  | { readonly _tag: "Password"; readonly username: string; readonly password: Redacted.Redacted<string> }
  /** An OAuth2 refresh token: only the token server sees it. `username` is for servers that know no OAuth2. */
  | { readonly _tag: "IdentityToken"; readonly token: Redacted.Redacted<string>; readonly username?: string }
  /** A bearer token, sent as it is. */
  | { readonly _tag: "RegistryToken"; readonly token: Redacted.Redacted<string> }

/** What the login is for. A mirror is asked for by its own name, never by that of the registry behind it. */
export interface RepositoryName {
  /** Host and port. */
  readonly registry: string
  readonly repository: string
}

/** Finds the login for a repository. */
export type CredentialSource = (
  target: RepositoryName,
  emit: Emit
) => Effect.Effect<Option.Option<Login>, CredentialsUnavailable | InvalidOption>

const redacted = (secret: string | Redacted.Redacted<string>): Redacted.Redacted<string> =>
  Redacted.isRedacted(secret) ? secret : Redacted.make(secret)

export const loginOf = (given: Credentials): Login =>
  "username" in given
    ? { _tag: "Password", username: given.username, password: redacted(given.password) }
    : "identityToken" in given
      ? { _tag: "IdentityToken", token: redacted(given.identityToken) }
      : { _tag: "RegistryToken", token: redacted(given.registryToken) }

/** The first source that has a login for the repository. */
export const firstOf =
  (...sources: ReadonlyArray<CredentialSource>): CredentialSource =>
  (target, emit) =>
    Effect.reduce(
      sources,
      () => Option.none<Login>(),
      (found, source) => (Option.isSome(found) ? Effect.succeed(found) : source(target, emit))
    )
