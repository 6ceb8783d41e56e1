/** Logging in to a registry, and out: kept where docker keeps it, so that each tool finds it. */
import * as Effect from "effect/Effect"
import type { Redacted } from "effect/Redacted"
import type { PullerOptions, Watching } from "./api/config.ts"
import { loadModule } from "./fs/loadModule.ts"
import { naming, watched } from "./pull/call.ts"

const logins = loadModule("the login module", () => import("./logins.ts"))

/** Asks the registry whether it takes them, and keeps them. Gives the path of the file, or the helper's name. */
export const login = (
  text: string,
  given: { readonly username: string; readonly password: string | Redacted<string> },
  options: PullerOptions = {},
  watching?: Watching
) =>
  naming(text)(
    watched("login", watching, undefined, () =>
      Effect.flatMap(logins, ({ addLogin }) => addLogin(text, given, options))
    )
  )

/** Forgets them. `known` is false where nobody was logged in. */
export const logout = (text: string, watching?: Watching) =>
  naming(text)(
    watched("logout", watching, undefined, () => Effect.flatMap(logins, ({ forgetLogin }) => forgetLogin(text)))
  )
