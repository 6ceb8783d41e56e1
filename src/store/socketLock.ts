/**
 * The lock where file locks are missing: a name in Linux's abstract socket namespace, which one process at a time can
 * listen on and which goes away with it. It holds among the processes of one network namespace, and knows no shared
 * locks: whoever asks for one gets it.
 */
import { createHash } from "node:crypto"
import { realpath } from "node:fs/promises"
import { createServer } from "node:net"
import { basename, dirname, join } from "node:path"
import type { Held } from "./fileLock.ts"

const nothing: Held = { release: () => Promise.resolve() }

export const trySocketLock = async (path: string, shared: boolean): Promise<Held | undefined> => {
  if (process.platform !== "linux") throw Object.assign(new Error("no locks here"), { code: "ENOTSUP" })
  if (shared) return nothing
  const place = join(await realpath(dirname(path)), basename(path))
  const name = `\0ociflow:${createHash("sha256").update(place).digest("hex")}`
  const server = createServer((socket) => socket.destroy())
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(undefined) : reject(error)
    )
    // `exclusive`: in a cluster the primary would otherwise share one handle among all workers.
    server.listen({ path: name, exclusive: true }, () => {
      server.unref()
      resolve({ release: () => new Promise((done) => server.close(() => done())) })
    })
  })
}
