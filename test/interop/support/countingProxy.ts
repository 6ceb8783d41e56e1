/** Passes TCP on to a port of this host, and counts what comes back. */
import { createServer, connect as dial, type Socket } from "node:net"

export interface ByteProxy {
  readonly port: number
  /** Bytes that were handed to clients' sockets. */
  readonly received: () => number
  readonly close: () => Promise<void>
}

export const countingProxy = (to: number): Promise<ByteProxy> => {
  let bytes = 0
  const sockets = new Set<Socket>()
  const server = createServer({ highWaterMark: 16_384 }, (client) => {
    const upstream = dial({ port: to, host: "127.0.0.1" })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.pipe(upstream)
    upstream.on("data", (chunk) => {
      bytes += chunk.length
    })
    upstream.pipe(client)
  })
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const close = () =>
        new Promise<void>((done) => {
          server.close(() => done())
          for (const socket of sockets) socket.destroy()
        })
      resolve({ port, received: () => bytes, close })
    })
  })
}
