/** A server that says, byte for byte, what it is told to: what Node's own refuses to send. */
import { type AddressInfo, createServer, type Socket } from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

export interface RawServed {
  readonly origin: string
  /** `127.0.0.1:port` */
  readonly host: string
  /** The heads of the requests, as they came. */
  readonly requests: ReadonlyArray<string>
  readonly sockets: ReadonlySet<Socket>
  readonly connections: () => number
}

/** `answer` is called for each request's head; requests have no bodies. */
export const serveRaw = (
  answer: (path: string, socket: Socket, request: string) => void
): Effect.Effect<RawServed, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise<RawServed & { readonly close: () => Promise<void> }>(
        () =>
          new Promise((resolve) => {
            const requests: Array<string> = []
            const sockets = new Set<Socket>()
            let connections = 0
            const server = createServer((socket) => {
              connections++
              sockets.add(socket)
              let held = ""
              socket.on("error", () => undefined)
              socket.on("close", () => sockets.delete(socket))
              socket.on("data", (chunk) => {
                held += chunk.toString("latin1")
                for (let end = held.indexOf("\r\n\r\n"); end !== -1; end = held.indexOf("\r\n\r\n")) {
                  const request = held.slice(0, end)
                  held = held.slice(end + 4)
                  requests.push(request)
                  answer(request.split(" ")[1] ?? "", socket, request)
                }
              })
            })
            const close = () =>
              new Promise<void>((closed) => {
                server.close(() => closed())
                for (const socket of sockets) socket.destroy()
              })
            server.listen(0, "127.0.0.1", () => {
              const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
              resolve({ origin: `http://${host}`, host, requests, sockets, connections: () => connections, close })
            })
          })
      ),
      ({ close }) => Effect.promise(close)
    ),
    ({ close: _, ...served }) => served
  )
