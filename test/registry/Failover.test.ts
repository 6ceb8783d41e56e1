import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { describe, expect } from "vitest"
import type { PullEvent } from "../../src/api/events.ts"
import { parse } from "../../src/image/reference/Reference.ts"
import { Registry } from "../../src/registry/Registry.ts"
import { it } from "../support/effect.ts"
import { image, registry } from "./images.ts"
import { type Handler, serve } from "./server.ts"

const amd64 = { os: "linux", architecture: "amd64" }
const app = image(amd64)
const open = registry(app.parts, { 1: app.manifest })
const busy =
  (seconds: number): Handler =>
  (_, response) =>
    void response.writeHead(429, { "retry-after": String(seconds) }).end()

describe("a host that asked for a pause", () => {
  it.effect("is waited for where it is the registry, and that is told", () =>
    Effect.gen(function* () {
      const first: Array<Handler> = [busy(7)]
      const served = yield* serve((request, response, it) => (first.shift() ?? open)(request, response, it))
      const reference = yield* parse(`${served.host}/org/app:1`)
      yield* Registry.use((it) =>
        Effect.gen(function* () {
          const refused = yield* Effect.flip(it.resolve(reference, amd64, () => undefined))
          expect(refused._tag).toBe("RateLimited")
          const told = yield* Deferred.make<PullEvent>()
          const emit = (event: PullEvent) => void Deferred.doneUnsafe(told, Effect.succeed(event))
          const later = yield* Effect.forkChild(it.resolve(reference, amd64, emit))
          const first = { _tag: "Retrying", attempt: 1, delay: 7000, reason: "RateLimited" }
          expect(yield* Deferred.await(told)).toMatchObject(first)
          yield* TestClock.adjust(6999)
          expect(served.requests).toHaveLength(1)
          yield* TestClock.adjust(1)
          expect((yield* Fiber.join(later)).digest).toBe(app.manifest.digest)
        })
      ).pipe(Effect.provide(Registry.layer({ retry: { times: 0 } })))
    })
  )

  it.effect("is waited for where it gives the tokens, and told by its own name to each pull", () =>
    Effect.gen(function* () {
      const served = yield* serve((request, response, it) => {
        const { authorization } = request.headers
        if (authorization === "Bearer t") return open(request, response, it)
        response.writeHead(401, { "www-authenticate": `Bearer realm="${realm.origin}/token"` }).end()
      })
      const first: Array<Handler> = [busy(7)]
      const realm = yield* serve((request, response, it) => {
        const busy = first.shift()
        if (busy !== undefined) return busy(request, response, it)
        response.writeHead(200).end(JSON.stringify({ token: "t" }))
      })
      const reference = yield* parse(`${served.host}/org/app:1`)
      yield* Registry.use((it) =>
        Effect.gen(function* () {
          const refused = yield* Effect.flip(it.resolve(reference, amd64, () => undefined))
          expect(refused._tag).toBe("RateLimited")
          const pulls = yield* Effect.forEach([1, 2], () =>
            Effect.gen(function* () {
              const told = yield* Deferred.make<PullEvent>()
              const emit = (event: PullEvent) => void Deferred.doneUnsafe(told, Effect.succeed(event))
              return { told, fiber: yield* Effect.forkChild(it.resolve(reference, amd64, emit)) }
            })
          )
          for (const { told } of pulls) {
            const message = expect.stringContaining(realm.host)
            expect(yield* Deferred.await(told)).toMatchObject({ _tag: "Retrying", delay: 7000, message })
          }
          yield* TestClock.adjust(7000)
          for (const { fiber } of pulls) expect((yield* Fiber.join(fiber)).digest).toBe(app.manifest.digest)
          expect(realm.requests).toHaveLength(2)
          // A token that is there needs no server.
          yield* it.resolve(reference, amd64, () => expect.unreachable("nobody waits"))
        })
      ).pipe(Effect.provide(Registry.layer({ retry: { times: 0 } })))
    })
  )

  it.live("is waited for by nobody where it is a mirror: the next place is asked", () =>
    Effect.gen(function* () {
      const origin = yield* serve(open)
      for (const [seconds, told] of [
        [30, "a pause of"],
        [3600, "asks to wait 3600 s"]
      ] as const) {
        const mirror = yield* serve(busy(seconds))
        const mirrors = ["a", "b"].map((path) => `${mirror.origin}/${path}`)
        const reference = yield* parse(`${origin.host}/org/app:1`)
        const events: Array<PullEvent> = []
        const found = yield* Registry.use((it) =>
          it.resolve(reference, amd64, (event) => void events.push(event))
        ).pipe(Effect.provide(Registry.layer({ hosts: { [origin.host]: { mirrors } } })))
        expect(found.digest).toBe(app.manifest.digest)
        expect(mirror.requests.map(({ url }) => url.split("/")[1])).toEqual(["a"])
        expect(events).toMatchObject([
          { code: "MirrorFailed" },
          { code: "MirrorFailed", message: expect.stringContaining(told) }
        ])
      }
    })
  )
})

describe("credentials that a registry refused", () => {
  it.live("are looked up anew by who comes next; those that it took are not", () =>
    Effect.gen(function* () {
      const right = `Basic ${Buffer.from("me:new").toString("base64")}`
      const served = yield* serve((request, response, it) =>
        request.headers.authorization === right
          ? open(request, response, it)
          : void response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end()
      )
      const reference = yield* parse(`${served.host}/org/app:1`)
      const passwords = ["old", "new"]
      const credentials = () => ({ username: "me", password: passwords.shift() ?? "asked too often" })
      yield* Registry.use((it) =>
        Effect.gen(function* () {
          const resolve = it.resolve(reference, amd64, () => undefined)
          expect(yield* Effect.flip(resolve)).toMatchObject({ _tag: "AccessDenied", authenticated: true })
          for (const _ of [1, 2]) expect((yield* resolve).digest).toBe(app.manifest.digest)
        })
      ).pipe(Effect.provide(Registry.layer({ credentials, retry: { times: 0 } })))
      expect(passwords).toEqual([])
    })
  )
})
