import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import { of } from "rxjs"
import { describe, expect } from "vitest"
import { endpointOf } from "../../../src/registry/address/Endpoint.ts"
import { makeTokens, type TokenRequest } from "../../../src/registry/auth/Tokens.ts"
import type { Request, Transport } from "../../../src/registry/connection/Transport.ts"
import { it } from "../../support/effect.ts"

const request = (more: Partial<TokenRequest> = {}): TokenRequest => ({
  endpoint: endpointOf("registry.test", false),
  realm: "https://auth.test/token",
  service: "reg",
  scope: "repository:org/app:pull",
  login: undefined,
  ...more
})

/** Answers once `ready` is; counts what was sent and what was given up. */
const slow = Effect.gen(function* () {
  const ready = yield* Deferred.make<void>()
  const sent: Array<Request> = []
  let abandoned = 0
  const transport: Transport = {
    placeOf: () => "public",
    refusal: () => undefined,
    actual: (endpoint) => endpoint,
    remainingPause: () => Effect.succeed(0),
    send: (_, it) =>
      Effect.gen(function* () {
        const n = sent.push(it)
        yield* Effect.onInterrupt(Deferred.await(ready), () => Effect.sync(() => void abandoned++))
        const body = Buffer.from(JSON.stringify({ token: `token-${n}`, expires_in: 300 }))
        return { status: 200, headers: {}, url: it.url, documentTimeout: 60_000, body$: () => of(body) }
      })
  }
  return { ready, sent, abandoned: () => abandoned, tokens: yield* makeTokens(transport) }
})

const settle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow, { discard: true })

describe("a token", () => {
  it.effect("is fetched once for all who wait for it, though the first of them leaves", () =>
    Effect.gen(function* () {
      const { ready, sent, tokens } = yield* slow
      const [first, ...others] = yield* Effect.forEach([1, 2, 3, 4], () => Effect.forkChild(tokens.get(request())))
      yield* settle
      if (first !== undefined) yield* Fiber.interrupt(first)
      yield* Deferred.succeed(ready, undefined)
      const found = yield* Effect.forEach(others, Fiber.join)
      expect(found.map(Redacted.value)).toEqual(["token-1", "token-1", "token-1"])
      expect(sent).toHaveLength(1)
    })
  )

  it.effect("is given up when the last who wait for it leave, and fetched anew for the next", () =>
    Effect.gen(function* () {
      const { ready, sent, tokens, abandoned } = yield* slow
      const fibers = yield* Effect.forEach([1, 2], () => Effect.forkChild(tokens.get(request())))
      yield* settle
      yield* Fiber.interruptAll(fibers)
      expect(abandoned()).toBe(1)
      yield* Deferred.succeed(ready, undefined)
      expect(Redacted.value(yield* tokens.get(request()))).toBe("token-2")
      expect(sent).toHaveLength(2)
    })
  )

  it.effect("is another one for another registry, realm, service, scope or login", () =>
    Effect.gen(function* () {
      const { ready, sent, tokens } = yield* slow
      yield* Deferred.succeed(ready, undefined)
      const password = (text: string) => ({ _tag: "Password", username: "me", password: Redacted.make(text) }) as const
      const all = [
        {},
        { endpoint: endpointOf("other.test", false) },
        { realm: "https://auth.test/other" },
        { service: undefined },
        { scope: "repository:org/other:pull" },
        { login: password("a") },
        { login: password("b") }
      ]
      for (const more of [...all, ...all, { login: password("a") }]) yield* tokens.get(request(more))
      expect(sent).toHaveLength(all.length)
    })
  )

  it.effect("that was refused is forgotten, unless another took its place", () =>
    Effect.gen(function* () {
      const { ready, sent, tokens } = yield* slow
      yield* Deferred.succeed(ready, undefined)
      const old = yield* tokens.get(request())
      yield* tokens.forget(request(), old)
      const fresh = yield* tokens.get(request())
      yield* tokens.forget(request(), old)
      expect(Redacted.value(yield* tokens.get(request()))).toBe(Redacted.value(fresh))
      expect(sent).toHaveLength(2)
    })
  )
})
