/**
 * Locks without file locks: names in Linux's abstract socket namespace, which go away with their process. An exclusive
 * lock is a name that one process at a time can listen on. A shared one is a name of its own beside it, made while the
 * exclusive one is held; a process that gets the exclusive one looks for such names in `/proc/net/unix`, where alone they are
 * listed. This works among the processes of one network namespace.
 */
import { createHash, randomBytes } from "node:crypto"
import { readFile, realpath, unlink } from "node:fs/promises"
import { createServer } from "node:net"
import { basename, dirname, join } from "node:path"
import type { Held } from "./fileLock.ts"

/** `undefined` if another process listens on this name. */
const listen = (name: string): Promise<Held | undefined> => {
  const server = createServer((socket) => socket.destroy())
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(undefined) : reject(error)
    )
    // `exclusive`: in a cluster the primary would otherwise share one handle among all workers.
    server.listen({ path: `\0${name}`, exclusive: true }, () => {
      server.unref()
      resolve({ release: () => new Promise((done) => server.close(() => done())) })
    })
  })
}

/**
 * Whether nobody shares `name`, which the caller holds. A list that cannot be read, or lacks the caller's own name,
 * proves nothing: not alone.
 */
const isAlone = async (name: string): Promise<boolean> => {
  const names = await readFile("/proc/net/unix", "latin1").catch(() => "")
  return names.includes(`@${name}`) && !names.includes(`@${name}:`)
}

/** Removes the file, if there is one, while nobody else can have the lock, as file locks do. */
const removing = ({ release }: Held, path: string): Held => ({
  release: async () => {
    await unlink(path).catch(() => undefined)
    await release()
  }
})

/** `sharable`: others may hold an exclusive lock's name shared. */
export const trySocketLock = async (path: string, shared: boolean, sharable = shared): Promise<Held | undefined> => {
  if (process.platform !== "linux") throw Object.assign(new Error("no locks here"), { code: "ENOTSUP" })
  const place = join(await realpath(dirname(path)), basename(path))
  const name = `ociflow:${createHash("sha256").update(place).digest("hex")}`
  const held = await listen(name)
  if (held === undefined) return undefined
  let kept: Held | undefined
  try {
    if (shared) kept = await listen(`${name}:${randomBytes(8).toString("hex")}`)
    else if (!sharable || (await isAlone(name))) kept = held
    return kept === held ? removing(held, path) : kept
  } finally {
    if (kept !== held) await held.release()
  }
}
