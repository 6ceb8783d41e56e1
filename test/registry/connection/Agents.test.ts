/** What is left of connections that have ended, or never stood: nothing, however many there were. */
import { Socket } from "node:net"
import { setImmediate } from "node:timers/promises"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { describe, expect } from "vitest"
import { defaultTimeouts } from "../../../src/api/config.ts"
import { endpointOf } from "../../../src/registry/address/Endpoint.ts"
import { makeTransport } from "../../../src/registry/connection/Transport.ts"
import { exposeGc } from "../../../src/seams/v8/exposeGc.ts"
import { it } from "../../support/effect.ts"
import { serve, serveTcp, until } from "../server.ts"

const get = (url: string) => ({ method: "GET", url: new URL(url), headers: {} }) as const

/** The sockets that are connected from now on. A spy would keep them. */
const watchSockets = Effect.acquireRelease(
  Effect.sync(() => {
    const made: Array<WeakRef<Socket>> = []
    const { connect } = Socket.prototype
    Socket.prototype.connect = function (this: Socket, ...to: ReadonlyArray<never>) {
      made.push(new WeakRef(this))
      return Reflect.apply(connect, this, to)
    }
    return { made, connect }
  }),
  ({ connect }) =>
    Effect.sync(() => {
      Socket.prototype.connect = connect
    })
)

/** Those that something still refers to, after a collection. What was looked at in this turn is kept until its end. */
const left = (made: ReadonlyArray<WeakRef<Socket>>) =>
  Effect.promise(async () => {
    await setImmediate()
    globalThis.gc?.()
    return made.filter((socket) => socket.deref() !== undefined).length
  })

const kinds = {
  "were closed by the server": "http",
  "were refused": "refused",
  "met a server that speaks no TLS": "https"
} as const

exposeGc()

describe.each(Object.entries(kinds))("connections that %s", (_, kind) => {
  it.live("are not kept by the client that made them", () =>
    Effect.gen(function* () {
      const served = yield* serve((_, response) => {
        response.setHeader("connection", "close")
        response.end("one")
      })
      const { send } = yield* makeTransport({ timeouts: defaultTimeouts })
      const url = kind === "refused" ? "http://127.0.0.1:1/" : `${kind}://${served.host}/`
      const endpoint = endpointOf(new URL(url).host, false)
      const one = Effect.exit(Effect.scoped(send({ ...endpoint, origin: new URL(url).origin }, get(url))))
      const many = (times: number) => Effect.forEach(Array.from({ length: times }), () => one, { discard: true })
      const { made } = yield* watchSockets
      yield* many(45)
      yield* until(() => served.sockets.size === 0)
      // A server that refuses is soon left alone.
      expect(made.length).toBeGreaterThanOrEqual(kind === "refused" ? 10 : 45)
      expect(yield* left(made)).toBeLessThan(5)
    })
  )
})

it.live("a connection that is still being made ends with the scope", () =>
  Effect.gen(function* () {
    const mute = yield* serveTcp()
    const scope = yield* Scope.make()
    const { send } = yield* Scope.provide(makeTransport({ timeouts: defaultTimeouts }), scope)
    const url = `https://${mute.host}/v2/`
    const sending = yield* Effect.forkChild(Effect.exit(Effect.scoped(send(endpointOf(mute.host, false), get(url)))))
    yield* until(() => mute.sockets.size === 1)
    yield* Scope.close(scope, Exit.void)
    yield* until(() => mute.sockets.size === 0)
    expect(Exit.isFailure(yield* Fiber.join(sending))).toBe(true)
  })
)
