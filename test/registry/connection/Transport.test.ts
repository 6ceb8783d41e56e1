import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { afterAll, beforeAll, describe, expect } from "vitest"
import { defaultTimeouts } from "../../../src/api/config.ts"
import { type Endpoint, endpointOf } from "../../../src/registry/address/Endpoint.ts"
import { makeTransport } from "../../../src/registry/connection/Transport.ts"
import { collectBody } from "../../../src/registry/http/collectBody.ts"
import { exposeGc } from "../../../src/seams/v8/exposeGc.ts"
import { it } from "../../support/effect.ts"
import { serve, serveTcp, until } from "../server.ts"

const { gc } = globalThis
beforeAll(exposeGc)
afterAll(() => {
  globalThis.gc = gc
})

const get = (url: string) => ({ method: "GET", url: new URL(url), headers: {} }) as const

describe("a connection", () => {
  it.live("is not made to a name that turns out to lie nearer than the registry", () =>
    Effect.gen(function* () {
      const served = yield* serve((_, response) => void response.end("inside"))
      const { send, placeOf } = yield* makeTransport({ timeouts: defaultTimeouts })
      const stranger: Endpoint = endpointOf("registry.test", false)
      expect(placeOf(stranger)).toBe("public")
      const inside = served.origin.replace("127.0.0.1", "localhost")
      const error = yield* Effect.flip(Effect.scoped(send(stranger, get(inside))))
      expect(error).toMatchObject({ _tag: "AddressRefused", from: "https://registry.test/" })
      expect([served.requests.length, served.sockets.size]).toEqual([0, 0])
    })
  )

  it.live("to the registry's own name is made wherever it lies, and that is remembered", () =>
    Effect.gen(function* () {
      const served = yield* serve((_, response) => void response.end("inside"))
      const other = yield* serve((_, response) => void response.end("neighbour"))
      const { send, placeOf } = yield* makeTransport({ timeouts: defaultTimeouts })
      const endpoint: Endpoint = {
        registry: "it",
        origin: served.origin.replace("127.0.0.1", "localhost"),
        plainHttp: true
      }
      expect((yield* Effect.scoped(send(endpoint, get(endpoint.origin)))).status).toBe(200)
      expect(placeOf(endpoint)).toBe("loopback")
      const neighbour = other.origin.replace("127.0.0.1", "localhost")
      expect((yield* Effect.scoped(send(endpoint, get(neighbour)))).status).toBe(200)
    })
  )

  it.live("that brings no answer in time is an error, and leaves no socket", () =>
    Effect.gen(function* () {
      const mute = yield* serveTcp()
      const { send } = yield* makeTransport({
        timeouts: { connect: 60, headers: 60, minimumRate: 0, rateWindow: 1000, idle: 60, document: 60 }
      })
      const endpoint = endpointOf(mute.host, false)
      for (const scheme of ["http", "https"]) {
        const error = yield* Effect.flip(Effect.scoped(send(endpoint, get(`${scheme}://${mute.host}/v2/`))))
        expect(error.message).toMatch(/within the time limit/)
        yield* until(() => mute.sockets.size === 0)
      }
    })
  )

  it.live("that cannot be is an error in words", () =>
    Effect.gen(function* () {
      const plain = yield* serve((_, response) => void response.end())
      const { send } = yield* makeTransport({ timeouts: defaultTimeouts })
      const endpoint = endpointOf(plain.host, false)
      const failing = (url: string) =>
        Effect.map(Effect.flip(Effect.scoped(send(endpoint, get(url)))), ({ message }) => message)
      expect(yield* failing("http://127.0.0.1:1/")).toContain("connection refused")
      expect(yield* failing(plain.origin.replace("http:", "https:"))).toContain("the server may speak plain HTTP")
    })
  )

  it.live("ends when the scope of its request does, its body unread", () =>
    Effect.gen(function* () {
      const served = yield* serve((_, response) => void response.write("a beginning"))
      const { send } = yield* makeTransport({ timeouts: defaultTimeouts })
      const status = yield* Effect.scoped(
        Effect.map(send(endpointOf(served.host, false), get(served.origin)), (it) => it.status)
      )
      expect(status).toBe(200)
      yield* until(() => served.sockets.size === 0)
    })
  )

  it.live("that is idle keeps nothing of the request that it had", () =>
    Effect.gen(function* () {
      const served = yield* serve((_, response) => void response.end("whole"))
      const { send } = yield* makeTransport({ timeouts: defaultTimeouts })
      const asked = send(endpointOf(served.host, false), get(served.origin)).pipe(
        Effect.flatMap((answer) => collectBody(answer, 10)),
        Effect.scoped
      )
      const fiber = yield* Effect.gen(function* () {
        const asking = yield* Effect.forkDetach(asked)
        yield* Fiber.join(asking)
        return new WeakRef(asking)
      })
      yield* until(() => {
        globalThis.gc?.()
        return fiber.deref() === undefined
      })
      expect(served.sockets.size).toBe(1)
    })
  )
})
