/**
 * Passes TCP on to a port of this host, and counts what comes back: what it took over, what reached the kernel of the
 * client's host, and what stands there and was never read.
 */
import { execFileSync } from "node:child_process"
import { createServer, connect as dial, type Socket } from "node:net"

/** Bytes of connections that are open now. */
export interface Standing {
  /** The client's kernel has them. */
  readonly arrived: number
  /** Of these, what no client has read. */
  readonly unread: number
}

export interface ByteProxy {
  readonly port: number
  /** Bytes of connections that have ended. */
  readonly ended: () => number
  /** As the kernel counts them. Nothing is passed on while it is asked. */
  readonly standing: () => Standing
  /** Resolves when no connection is open. */
  readonly quiet: () => Promise<void>
  readonly close: () => Promise<void>
}

/** `ss` tells of each socket its queues, and on the line below what was acknowledged to it. */
const sockets = (filter: string) => execFileSync("ss", ["-tnHi", filter], { encoding: "utf8" })

const sum = (matches: Iterable<RegExpExecArray>): number => {
  let total = 0
  for (const [, digits] of matches) total += Number(digits)
  return total
}

export const countingProxy = (to: number): Promise<ByteProxy> => {
  let ended = 0
  const clients = new Set<Socket>()
  let whenQuiet: Array<() => void> = []
  const server = createServer((client) => {
    clients.add(client)
    const upstream = dial({ port: to, host: "127.0.0.1" })
    let bytes = 0
    for (const socket of [client, upstream]) {
      socket.on("error", () => {})
      socket.on("close", () => {
        client.destroy()
        upstream.destroy()
        if (!clients.delete(client)) return
        ended += bytes
        if (clients.size > 0) return
        for (const done of whenQuiet) done()
        whenQuiet = []
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
          for (const client of clients) client.destroy()
        })
      const standing = () => ({
        arrived: sum(sockets(`sport = :${port}`).matchAll(/\bbytes_acked:(\d+)/g)),
        unread: sum(sockets(`dport = :${port}`).matchAll(/^\s*ESTAB\s+(\d+)/gm))
      })
      const quiet = () => new Promise<void>((done) => (clients.size === 0 ? done() : void whenQuiet.push(done)))
      resolve({ port, ended: () => ended, standing, quiet, close })
    })
  })
}
