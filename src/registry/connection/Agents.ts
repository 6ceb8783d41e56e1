/**
 * Connections for each route: direct or through a proxy, with which certificates, and with which check of the addresses
 * that names resolve to. They live as long as the scope.
 */
import type { Socket } from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Agent, buildConnector } from "undici"
import type { Timeouts } from "../../api/config.ts"
import type { FileSystemFailed, ModuleMissing } from "../../api/errors.ts"
import { loadModule } from "../../fs/loadModule.ts"
import { loadClient } from "../../seams/undici/loadClient.ts"
import type { AddressPolicy } from "../address/AddressGuard.ts"
import { type Tunnel, tunnel } from "../proxy/httpTunnel.ts"
import type { ForwardProxy } from "../proxy/Proxy.ts"
import { readTls, type Tls, type UnusablePem } from "../tls/Tls.ts"

export interface Route {
  readonly judgement: AddressPolicy
  readonly tls: Tls | undefined
  /** Tunnels through it. */
  readonly proxy: ForwardProxy | undefined
}

export type AgentFor = (way: Route) => Effect.Effect<Agent, UnusablePem | FileSystemFailed | ModuleMissing>

/** Loaded with the first request, so that reading the store does not load undici. */
const client = loadModule("undici", loadClient)
const socks = loadModule("undici", () => import("../proxy/socksTunnel.ts"))

export const makeAgents = Effect.fnUntraced(function* (
  timeouts: Pick<Timeouts, "connect" | "headers">,
  connections: number
): Effect.fn.Return<AgentFor, never, Scope.Scope> {
  const agents = new Map<string, Agent>()
  // Ends the connections that are still being made, which `destroy` would wait for. Established ones are not in here.
  const making = new Set<() => void>()
  let closed = false
  yield* Effect.addFinalizer(() =>
    Effect.promise(async () => {
      closed = true
      for (const end of making) end()
      await Promise.all([...agents.values()].map((each) => each.destroy()))
    })
  )

  const connectorOf = (
    make: typeof buildConnector,
    { judgement, proxy }: Route,
    through: Tunnel,
    secured: object
  ): buildConnector.connector => {
    const dial = make({ timeout: timeouts.connect, lookup: judgement.lookup, autoSelectFamily: true, ...secured })
    const connect: buildConnector.connector = (target, callback) => {
      if (closed) return callback(new Error("closed"), null)
      const end = () => socket.destroy(new Error("closed"))
      making.add(end)
      // undici's connector returns the socket, which its types leave out.
      const socket = dial(target, (...outcome) => {
        making.delete(end)
        callback(...outcome)
      }) as unknown as Socket
    }
    if (proxy === undefined) return connect
    return (target, callback) => {
      const ending = new AbortController()
      const end = () => ending.abort()
      making.add(end)
      through(proxy, target, { timeout: timeouts.connect, signal: ending.signal }, (error, socket) => {
        making.delete(end)
        if (socket === null) return callback(error ?? new Error("no tunnel"), null)
        if (target.protocol === "https:") connect({ ...target, httpSocket: socket }, callback)
        else callback(null, socket)
      })
    }
  }

  return Effect.fnUntraced(function* (way) {
    const key = JSON.stringify([way.judgement.name, way.tls, way.proxy?.origin])
    const known = agents.get(key)
    if (known !== undefined) return known
    const secured = way.tls === undefined ? {} : yield* readTls(way.tls)
    const { buildConnector, guardedAgent } = yield* client
    const through = way.proxy?.socks === undefined ? tunnel : (yield* socks).socksTunnel
    const made =
      agents.get(key) ??
      guardedAgent({
        connect: connectorOf(buildConnector, way, through, secured),
        connections,
        headersTimeout: timeouts.headers,
        bodyTimeout: 0
      })
    agents.set(key, made)
    return made
  })
})
