/** Logging in to a registry, and out: kept where docker keeps it, so that each tool finds it. */
import * as Effect from "effect/Effect"
import type { Redacted } from "effect/Redacted"
import type { PullerOptions } from "./api/config.ts"
import { PullError, type Reason } from "./api/errors.ts"
import { loadModule } from "./fs/loadModule.ts"

const logins = loadModule("logins", () => import("./logins.ts"))

const naming =
  (reference: string) =>
  <A>(effect: Effect.Effect<A, Reason>): Effect.Effect<A, PullError> =>
    Effect.mapError(effect, (reason) => new PullError({ reference, reason }))

/** Asks the registry whether it takes them, and keeps them. Gives the path of the file, or the helper's name. */
export const login = Effect.fnUntraced(
  function* (
    text: string,
    given: { readonly username: string; readonly password: string | Redacted<string> },
    options: PullerOptions = {}
  ) {
    const { addLogin } = yield* logins
    return yield* addLogin(text, given, options)
  },
  (effect, text) => naming(text)(effect)
)

/** Forgets them. `known` is false where nobody was logged in. */
export const logout = Effect.fnUntraced(
  function* (text: string) {
    const { forgetLogin } = yield* logins
    return yield* forgetLogin(text)
  },
  (effect, text) => naming(text)(effect)
)
