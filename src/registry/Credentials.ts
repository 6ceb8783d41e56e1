/**
 * Who we are to a registry: from the option `credentials`, else from docker's `config.json`. Secrets are `Redacted`
 * from the moment they are read. A host gets what is filed under exactly its name, and Docker Hub under any of its own.
 */
import { readFile } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { Credentials } from "../config.ts"
import type { Emit } from "../events.ts"
import { normalizeRegistry } from "../reference/registryName.ts"
import { parseJson } from "./json.ts"

/** What is shown to a registry, or to the token server that it names. */
export type Login =
  | { readonly _tag: "Password"; readonly username: string; readonly password: Redacted.Redacted<string> }
  /** An OAuth2 refresh token: only the token server sees it. */
  | { readonly _tag: "IdentityToken"; readonly token: Redacted.Redacted<string> }
  /** A bearer token, sent as it is. */
  | { readonly _tag: "RegistryToken"; readonly token: Redacted.Redacted<string> }

/** Finds the login for a registry. Credential helpers will be one more source of this shape. */
export type CredentialSource = (registry: string, emit: Emit) => Effect.Effect<Option.Option<Login>>

const redacted = (secret: string | Redacted.Redacted<string>): Redacted.Redacted<string> =>
  Redacted.isRedacted(secret) ? secret : Redacted.make(secret)

const loginOf = (given: Credentials): Login =>
  "username" in given
    ? { _tag: "Password", username: given.username, password: redacted(given.password) }
    : "identityToken" in given
      ? { _tag: "IdentityToken", token: redacted(given.identityToken) }
      : { _tag: "RegistryToken", token: redacted(given.registryToken) }

/** `https://index.docker.io/v1/`, `http://localhost:5000`, `ghcr.io`: how config files name a registry. */
const registryOfKey = (key: string): string | undefined => {
  const host = /^(?:https?:\/\/)?([^/]+)(?:\/(?:v[12]\/?)?)?$/i.exec(key.trim())?.[1]
  return host === undefined ? undefined : normalizeRegistry(host)
}

/** The credentials that were given as an option. */
export const fromOptions = (given: Readonly<Record<string, Credentials>>): CredentialSource => {
  const logins = new Map(
    Object.entries(given).map(([key, credentials]) => [registryOfKey(key) ?? key, loginOf(credentials)])
  )
  return (registry) => Effect.succeed(Option.fromUndefinedOr(logins.get(registry)))
}

const secret = Schema.optionalKey(Schema.String)
const DockerConfig = Schema.Struct({
  auths: Schema.optionalKey(
    Schema.Record(
      Schema.String,
      Schema.Struct({ auth: secret, username: secret, password: secret, identitytoken: secret, registrytoken: secret })
    )
  )
})
type Auth = NonNullable<(typeof DockerConfig.Type)["auths"]>[string]

/** `user:password` in base64, as docker writes it; the password may hold colons. */
const decodeAuth = (auth: string): readonly [username: string, password: string] | undefined => {
  const text = Buffer.from(auth, "base64").toString().replace(/\0+$/, "")
  const colon = text.indexOf(":")
  return colon < 1 ? undefined : [text.slice(0, colon), text.slice(colon + 1)]
}

const loginOfAuth = (entry: Auth): Option.Option<Login> => {
  if (entry.registrytoken) return Option.some(loginOf({ registryToken: entry.registrytoken }))
  if (entry.identitytoken) return Option.some(loginOf({ identityToken: entry.identitytoken }))
  const [username, password] =
    (entry.auth ? decodeAuth(entry.auth) : undefined) ?? ([entry.username, entry.password] as const)
  return username && password ? Option.some(loginOf({ username, password })) : Option.none()
}

/** Bytes of a config file that are read. */
const longestFile = 2 ** 20

const directory = Config.String("DOCKER_CONFIG").pipe(
  Config.option,
  Effect.map(Option.filter((path) => path !== "")),
  Effect.map(Option.getOrElse(() => join(homedir(), ".docker"))),
  Effect.orDie
)

const isMissing = (error: unknown) =>
  error instanceof Error && "code" in error && /^(?:ENOENT|ENOTDIR)$/.test(String(error.code))

/** `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`; read anew for each pull, since people log in. */
export const fromDockerConfig: CredentialSource = Effect.fnUntraced(function* (registry, emit) {
  const path = join(yield* directory, "config.json")
  const found = yield* Effect.tryPromise({ try: (signal) => readFile(path, { signal }), catch: (error) => error }).pipe(
    Effect.filterOrFail(
      (bytes) => bytes.length <= longestFile,
      () => "too large"
    ),
    Effect.flatMap(parseJson),
    Effect.flatMap(Schema.decodeUnknownEffect(DockerConfig)),
    Effect.map(({ auths = {} }) => Object.entries(auths).find(([key]) => registryOfKey(key) === registry)?.[1]),
    Effect.catch((error) =>
      Effect.sync(() => {
        // Nothing of the file is quoted: it holds passwords.
        if (!isMissing(error))
          emit({
            _tag: "Warning",
            code: "DockerConfigUnusable",
            message: `${path} cannot be used: no credentials are taken from it`
          })
        return undefined
      })
    )
  )
  return Option.flatMap(Option.fromUndefinedOr(found), loginOfAuth)
})

/** The first source that knows the registry. */
export const firstOf =
  (...sources: ReadonlyArray<CredentialSource>): CredentialSource =>
  (registry, emit) =>
    Effect.reduce(
      sources,
      () => Option.none<Login>(),
      (found, source) => (Option.isSome(found) ? Effect.succeed(found) : source(registry, emit))
    )
