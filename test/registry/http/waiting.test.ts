/** What a host asks to be waited for: obeyed to the second where that is waited for at all, else a failure at once. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { describe, expect } from "vitest"
import { isReason, type Reason } from "../../../src/api/errors.ts"
import { parse } from "../../../src/image/reference/Reference.ts"
import { drain } from "../../../src/reactive/bridge.ts"
import { Gate } from "../../../src/reactive/Gate.ts"
import { Registry, type RegistryOptions } from "../../../src/registry/Registry.ts"
import { it } from "../../support/effect.ts"
import { image, registry } from "../images.ts"
import { type Handler, type Served, serve, until } from "../server.ts"

const amd64 = { os: "linux", architecture: "amd64" }
const app = image(amd64)
const open = registry(app.parts, { 1: app.manifest })
const busy =
  (status: number, retryAfter: string): Handler =>
  (_, response) =>
    void response.writeHead(status, { "retry-after": retryAfter }).end()

const manifest = Effect.fnUntraced(function* ({ host }: Served) {
  const reference = yield* parse(`${host}/org/app:1`)
  return yield* Registry.use((it) => it.resolve(reference, amd64, () => undefined))
})
const blob = Effect.fnUntraced(function* ({ host }: Served) {
  const reference = yield* parse(`${host}/org/app`)
  const [layer] = app.layers
  if (layer === undefined) throw new Error("it has a layer")
  return yield* Registry.use((it) => drain(isReason)(it.blob$(reference, layer, new Gate(), { emit: () => undefined })))
})

const inAnHour = () => new Date(Date.now() + 3_600_000).toUTCString()

describe("a host that asks for more time than is waited", () => {
  const asks: Readonly<Record<string, (served: Served) => Effect.Effect<unknown, Reason, Registry>>> = {
    manifest,
    blob
  }
  for (const [what, ask] of Object.entries(asks))
    it.live(`is asked once for a ${what}, and the failure has the time in it`, () =>
      Effect.gen(function* () {
        for (const [status, tag, retryAfter] of [
          [429, "RateLimited", () => "3600"],
          [503, "RegistryError", () => "3600"],
          [429, "RateLimited", inAnHour]
        ] as const) {
          const served = yield* serve(busy(status, retryAfter()))
          const error = yield* Effect.flip(Effect.provide(ask(served), Registry.layer()))
          expect(error).toMatchObject({ _tag: tag })
          expect(error.message).toMatch(/asks to wait 3(600|599) s$/)
          expect(error.advice).toMatch(/3(600|599) s.*`retry\.maxWait`/)
          expect(served.requests).toHaveLength(1)
        }
      })
    )

  it.live("is asked once for a token, and once for all pulls that come within the time that is waited", () =>
    Effect.gen(function* () {
      const realm = yield* serve(busy(429, "3600"))
      const served = yield* serve(
        (_, response) =>
          void response.writeHead(401, { "www-authenticate": `Bearer realm="${realm.origin}/token"` }).end()
      )
      yield* Effect.gen(function* () {
        for (const _ of [1, 2]) expect(yield* Effect.flip(manifest(served))).toMatchObject({ _tag: "RateLimited" })
      }).pipe(Effect.provide(Registry.layer()))
      expect(realm.requests).toHaveLength(1)
    })
  )
})

describe("the option maxWait", () => {
  const waits = (options: RegistryOptions) =>
    Effect.gen(function* () {
      const first = [busy(429, "3600")]
      const served = yield* serve((request, response, it) => (first.shift() ?? open)(request, response, it))
      const fiber = yield* Effect.forkChild(Effect.result(Effect.provide(manifest(served), Registry.layer(options))))
      yield* TestClock.withLive(until(() => served.requests.length > 0 || fiber.pollUnsafe() !== undefined))
      yield* TestClock.withLive(Effect.sleep(100))
      return { served, fiber }
    })

  it.effect("lets the very time be waited for that it names, and no more", () =>
    Effect.gen(function* () {
      const long = yield* waits({ retry: { maxWait: 3_600_000 } })
      yield* TestClock.adjust("3599999 millis")
      expect(long.served.requests).toHaveLength(1)
      yield* TestClock.adjust("1 millis")
      expect(yield* Fiber.join(long.fiber)).toMatchObject({ _tag: "Success" })
      const short = yield* waits({ retry: { maxWait: 3_599_999 } })
      expect(yield* Fiber.join(short.fiber)).toMatchObject({ _tag: "Failure", failure: { _tag: "RateLimited" } })
    })
  )
})
