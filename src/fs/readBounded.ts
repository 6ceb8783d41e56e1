/**
 * All of a file that a user or a setting names, whatever it is. A pipe (a shell's `<(…)`) is waited for as a socket is: to
 * open or to read it would keep one of the few threads that all such calls share, and nothing could end that. A device may
 * have no end.
 */
import { constants, createReadStream, fstat, open } from "node:fs"
import { Socket } from "node:net"
import type { Readable } from "node:stream"
import { promisify } from "node:util"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

/** Who writes to a pipe has so long to be done. */
const patience = Duration.seconds(30)

const failure = (code: string, path: string) => Object.assign(new Error(`${code}: ${path}`), { code })

const openStream = async (path: string, most: number): Promise<Readable> => {
  const fd = await promisify(open)(path, flags)
  const stats = await promisify(fstat)(fd)
  return stats.isFIFO()
    ? new Socket({ fd, readable: true, writable: false })
    : createReadStream(path, { fd, end: most })
}

/** Fails with the system's error; with `EFBIG` where there are more than `most` bytes, with `ETIMEDOUT` where a pipe has no end. */
export const readBounded = (path: string, most: number): Effect.Effect<Buffer, unknown> => {
  const all = async (stream: Readable) => {
    const chunks: Array<Buffer> = []
    let bytes = 0
    for await (const chunk of stream) {
      bytes += chunk.length
      if (bytes > most) throw failure("EFBIG", path)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  }
  return Effect.acquireUseRelease(
    Effect.tryPromise({ try: () => openStream(path, most), catch: (error) => error }),
    (stream) => Effect.tryPromise({ try: () => all(stream), catch: (error) => error }),
    (stream) => Effect.sync(() => stream.destroy())
  ).pipe(Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail(failure("ETIMEDOUT", path)) }))
}
