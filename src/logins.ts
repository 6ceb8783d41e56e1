/** Logging in and out, with all that it needs. Loaded only when somebody does. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { PullerOptions } from "./api/config.ts"
import { InvalidReference } from "./api/errors.ts"
import { checkLogin } from "./api/options/checkOptions.ts"
import { withoutUserInfo } from "./api/printable.ts"
import { isRegistry, normalizeRegistry } from "./image/reference/registryName.ts"
import { removeLogin, saveLogin } from "./registry/auth/saveLogin.ts"
import { signIn } from "./registry/signIn.ts"
import { lockBriefly } from "./store/locks/Lock.ts"

const registryOf = (text: string): Effect.Effect<string, InvalidReference> => {
  const host = text.replace(/^https?:\/\//i, "").replace(/\/(?:v[12]\/?)?$/, "")
  if (isRegistry(host)) return Effect.succeed(normalizeRegistry(host))
  const [first = ""] = withoutUserInfo(text)
    .replace(/^[a-z]+:\/\//i, "")
    .split("/")
  const suggestion = isRegistry(first) ? { suggestion: first } : {}
  return Effect.fail(new InvalidReference({ input: text, problem: "it is not the host of a registry", ...suggestion }))
}

/** Beside the file, for as long as it is changed. */
const exclude = (path: string) => lockBriefly(`${path}.lock`)

export const addLogin = Effect.fnUntraced(function* (
  text: string,
  given: { readonly username: string; readonly password: string | Redacted.Redacted<string> },
  options: PullerOptions
) {
  yield* checkLogin(given, options)
  const { username, password } = given
  const credentials = { username, password: Redacted.isRedacted(password) ? password : Redacted.make(password) }
  const registry = yield* registryOf(text)
  yield* signIn(registry, credentials, options)
  const kept = yield* saveLogin(registry, credentials, exclude)
  return { registry, ...kept }
})

export const forgetLogin = Effect.fnUntraced(function* (text: string) {
  const registry = yield* registryOf(text)
  return { registry, known: yield* removeLogin(registry, exclude) }
})
