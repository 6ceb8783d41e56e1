/** A real HTTP server for the life of a scope, that remembers what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface Served {
  readonly origin: string
  /** `127.0.0.1:port` */
  readonly host: string
  readonly requests: ReadonlyArray<{
    readonly method: string
    readonly url: string
    readonly headers: IncomingMessage["headers"]
    readonly body: string
  }>
  /** Connections that stand now. */
  readonly sockets: ReadonlySet<Socket>
  /** Connections that were ever made. */
  readonly connections: () => number
}

export type Handler = (
  request: IncomingMessage & { readonly body: string },
  response: ServerResponse,
  served: Served
) => void

export const serve = (handler: Handler): Effect.Effect<Served, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise<Served & { readonly close: () => Promise<void> }>(
      () =>
        new Promise((resolve) => {
          const requests: Array<Served["requests"][number]> = []
          const sockets = new Set<Socket>()
          let connections = 0
          const server = createServer((request, response) => {
            const chunks: Array<Buffer> = []
            request.on("data", (chunk: Buffer) => chunks.push(chunk))
            request.on("end", () => {
              const body = Buffer.concat(chunks).toString()
              const { method = "", url = "", headers } = request
              requests.push({ method, url, headers, body })
              handler(Object.assign(request, { body }), response, served)
            })
          })
          let served: Served
          server.on("connection", (socket) => {
            connections++
            sockets.add(socket)
            socket.on("error", () => undefined)
            socket.on("close", () => sockets.delete(socket))
          })
          server.listen(0, "127.0.0.1", () => {
            const { port } = server.address() as AddressInfo
            const close = () =>
              new Promise<void>((closed) => {
                server.close(() => closed())
                server.closeAllConnections()
                for (const socket of sockets) socket.destroy()
              })
            const host = `127.0.0.1:${port}`
            served = { origin: `http://${host}`, host, requests, sockets, connections: () => connections }
            resolve({ ...served, close })
          })
        })
    ),
    ({ close }) => Effect.promise(close)
  )

/** Waits until something is so; the test's own time limit is the limit. */
export const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.promise(async () => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
  })

/** A server that takes connections and says nothing. */
export const serveTcp = (): Effect.Effect<Pick<Served, "host" | "sockets">, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise<Pick<Served, "host" | "sockets"> & { readonly close: () => Promise<void> }>(
        () =>
          new Promise((resolve) => {
            const sockets = new Set<Socket>()
            const server = createTcpServer((socket) => {
              sockets.add(socket)
              socket.resume()
              socket.on("error", () => undefined)
              socket.on("close", () => sockets.delete(socket))
            })
            const close = () =>
              new Promise<void>((closed) => {
                server.close(() => closed())
                for (const socket of sockets) socket.destroy()
              })
            server.listen(0, "127.0.0.1", () =>
              resolve({ host: `127.0.0.1:${(server.address() as AddressInfo).port}`, sockets, close })
            )
          })
      ),
      ({ close }) => Effect.promise(close)
    ),
    ({ host, sockets }) => ({ host, sockets })
  )
