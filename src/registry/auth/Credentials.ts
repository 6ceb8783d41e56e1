/**
 * Who we are to a registry, in the order that people expect: what the program was given, the environment, docker's
 * `config.json`, podman's `auth.json`. The first that knows the registry, or the part of it that is asked for, counts.
 */
import * as Cache from "effect/Cache"
import { isUnknownError } from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { PullerOptions } from "../../api/config.ts"
import { CredentialsUnavailable, InvalidOption } from "../../api/errors.ts"
import type { Emit, Warning } from "../../api/events.ts"
import { credentialsProblem } from "../../api/options/credentialsProblem.ts"
import { fromDockerConfig, fromEnvironment, fromPodman } from "./authFiles.ts"
import { type CredentialSource, firstOf, loginOf, type RepositoryName } from "./Login.ts"
import { entryFor } from "./registryKey.ts"

type Given = NonNullable<PullerOptions["credentials"]>

/** What the function threw itself, without the wrapping of `tryPromise`. */
const thrown = (error: unknown): unknown => (isUnknownError(error) ? error.cause : error)

/** The credentials that were given as an option: a table, or a function. */
export const fromOptions =
  (given: Given): CredentialSource =>
  (target) => {
    if (typeof given !== "function")
      return Effect.succeed(Option.map(Option.fromUndefinedOr(entryFor(given, target)), loginOf))
    return Effect.suspend(() => {
      const found = given(target.registry, target.repository)
      return Effect.isEffect(found) ? found : Effect.tryPromise(async () => found)
    }).pipe(
      Effect.catch((cause) => new CredentialsUnavailable({ registry: target.registry, cause: thrown(cause) })),
      Effect.catchDefect((cause) => new CredentialsUnavailable({ registry: target.registry, cause: thrown(cause) })),
      Effect.flatMap((credentials) => {
        if (credentials === undefined || credentials === null) return Effect.succeedNone
        const problem = credentialsProblem(credentials)
        return problem === undefined
          ? Effect.succeedSome(loginOf(credentials))
          : Effect.fail(new InvalidOption({ option: "credentials", problem: `is a function, whose result ${problem}` }))
      })
    )
  }

/** One answer serves the manifest and all layers of a pull, and does not outlive a login for long. */
const known = Duration.minutes(1)
const unknown = Duration.seconds(5)

export interface KnownCredentials {
  readonly find: CredentialSource
  /** Forgets what was found for this repository, because it was refused. The next call looks it up again. */
  readonly forget: (target: RepositoryName) => Effect.Effect<void>
}

/** All sources; each registry is asked for once at a time. Every caller gets the warnings. */
export const makeCredentials = Effect.fnUntraced(function* (given: Given = {}): Effect.fn.Return<KnownCredentials> {
  const source = firstOf(fromOptions(given), fromEnvironment, fromDockerConfig, fromPodman)
  const lookup = Effect.fnUntraced(function* (target: RepositoryName) {
    const warnings: Array<Warning> = []
    const login = yield* source(target, (event) => {
      if (event._tag === "Warning") warnings.push(event)
    })
    return { login, warnings }
  })
  const cache = yield* Cache.makeWith(lookup, {
    capacity: 1000,
    timeToLive: Exit.match({
      onFailure: () => Duration.zero,
      onSuccess: ({ login }) => (Option.isSome(login) ? known : unknown)
    })
  })
  const told = new WeakMap<Emit, Set<string>>()
  const find: CredentialSource = (target, emit) =>
    Effect.map(Cache.get(cache, target), ({ login, warnings }) => {
      const heard = told.get(emit) ?? new Set()
      told.set(emit, heard)
      for (const warning of warnings) {
        if (heard.has(warning.message)) continue
        heard.add(warning.message)
        emit(warning)
      }
      return login
    })
  return { find, forget: (target) => Cache.invalidate(cache, target) }
})
