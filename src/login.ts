/** Logging in to a registry, and out: kept where docker keeps it, so that each tool finds it. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { PullerOptions } from "./api/config.ts"
import { InvalidReference, PullError, type Reason } from "./api/errors.ts"
import { loadModule } from "./fs/loadModule.ts"
import { isRegistry, normalizeRegistry } from "./image/reference/registryName.ts"

const registryOf = (text: string): Effect.Effect<string, InvalidReference> => {
  const host = text.replace(/^https?:\/\//i, "").replace(/\/(?:v[12]\/?)?$/, "")
  return isRegistry(host)
    ? Effect.succeed(normalizeRegistry(host))
    : Effect.fail(new InvalidReference({ input: text, problem: "it is no registry's host" }))
}

/** Beside the file, for as long as it is changed. */
const exclude = (path: string) =>
  Effect.flatMap(
    loadModule("locks", () => import("./store/locks/Lock.ts")),
    ({ lockBriefly }) => lockBriefly(`${path}.lock`)
  )

const naming =
  (reference: string) =>
  <A>(effect: Effect.Effect<A, Reason>): Effect.Effect<A, PullError> =>
    Effect.mapError(effect, (reason) => new PullError({ reference, reason }))

/** Asks the registry whether it takes them, and keeps them. Gives the path of the file, or the helper's name. */
export const login = Effect.fnUntraced(
  function* (
    text: string,
    given: { readonly username: string; readonly password: string | Redacted.Redacted<string> },
    options: PullerOptions = {}
  ) {
    const { checkLogin } = yield* loadModule("the options", () => import("./api/options/checkOptions.ts"))
    yield* checkLogin(given, options)
    const { username, password } = given
    const credentials = { username, password: Redacted.isRedacted(password) ? password : Redacted.make(password) }
    const registry = yield* registryOf(text)
    const { signIn } = yield* loadModule("logins", () => import("./registry/signIn.ts"))
    const { saveLogin: keepLogin } = yield* loadModule("logins", () => import("./registry/auth/saveLogin.ts"))
    yield* signIn(registry, credentials, options)
    const kept = yield* keepLogin(registry, credentials, exclude)
    return { registry, ...kept }
  },
  (effect, text) => naming(text)(effect)
)

/** Forgets them. `known` is false where nobody was logged in. */
export const logout = Effect.fnUntraced(
  function* (text: string) {
    const registry = yield* registryOf(text)
    const { removeLogin: forgetLogin } = yield* loadModule("logins", () => import("./registry/auth/saveLogin.ts"))
    return { registry, known: yield* forgetLogin(registry, exclude) }
  },
  (effect, text) => naming(text)(effect)
)
