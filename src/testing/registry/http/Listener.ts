/** A server on 127.0.0.1, on a free port unless one is given, whose end leaves no socket. */
import { once } from "node:events"
import { createServer as createPlain, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { createServer as createSecure } from "node:https"
import type { AddressInfo, Socket } from "node:net"

export interface TlsOptions {
  /** PEM. */
  readonly cert: string | Uint8Array
  /** PEM. */
  readonly key: string | Uint8Array
}

export interface Listener {
  /** `http://127.0.0.1:port` */
  readonly origin: string
  /** `127.0.0.1:port` */
  readonly host: string
  /** Sockets that are open now. */
  readonly sockets: () => number
  /** Sockets that were ever accepted. */
  readonly accepted: () => number
  /** Ends every socket and the server; settles when both are gone. */
  readonly close: () => Promise<void>
}

export const listen = async (
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
  tls?: TlsOptions,
  port = 0
): Promise<Listener> => {
  const sockets = new Set<Socket>()
  let accepted = 0
  const server: Server =
    tls === undefined
      ? createPlain(onRequest)
      : createSecure({ cert: Buffer.from(tls.cert), key: Buffer.from(tls.key) }, onRequest)
  server.keepAliveTimeout = 0
  server.on("connection", (socket: Socket) => {
    accepted++
    sockets.add(socket)
    socket.on("error", () => socket.destroy())
    socket.on("close", () => sockets.delete(socket))
  })
  server.listen(port, "127.0.0.1")
  await once(server, "listening")
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    host,
    origin: `${tls === undefined ? "http" : "https"}://${host}`,
    sockets: () => sockets.size,
    accepted: () => accepted,
    close: async () => {
      if (!server.listening) return
      const closed = once(server, "close")
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    }
  }
}
