/** Whether a registry takes a user name and a password (distribution-spec, "Determining support"): `GET /v2/`. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Reason } from "../api/errors.ts"
import { makeSession } from "./auth/Session.ts"
import type { Password } from "./auth/saveLogin.ts"
import { makeNetwork, type RegistryOptions } from "./makeRegistry.ts"

/** Fails with `AccessDenied` where it does not. A registry that asks nobody for a password takes any. */
export const signIn = Effect.fnUntraced(function* (
  registry: string,
  { username, password }: Password,
  options: RegistryOptions
): Effect.fn.Return<void, Reason, Scope.Scope> {
  const network = yield* makeNetwork(options)
  const silent = () => undefined
  const { origin } = yield* network.hosts.of(registry, silent)
  const session = makeSession(network, origin, "", { _tag: "Password", username, password }, silent)
  const answer = yield* session.ask({ method: "GET", path: "", headers: {} })
  if (answer.status !== 200) return yield* session.refuse(answer, undefined)
}, Effect.scoped)
