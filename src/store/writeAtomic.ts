/** Replaces a file as a whole: whoever looks, and whatever crashes, sees the old bytes or the new. */
import { type FileHandle, mkdir, open, rename, unlink } from "node:fs/promises"
import { dirname } from "node:path"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { FileSystemFailed } from "../errors.ts"
import { syscall } from "./syscall.ts"

const synced = async (handle: FileHandle, work: () => Promise<unknown>): Promise<void> => {
  try {
    await work()
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes the names in a directory last through a power cut. Windows cannot, and need not. */
export const syncDirectory = (path: string): Effect.Effect<void, FileSystemFailed> =>
  process.platform === "win32"
    ? Effect.void
    : syscall("sync", path, async () => {
        const handle = await open(path, "r")
        await synced(handle, () => Promise.resolve())
      })

/** Windows refuses to rename over a file that someone is reading just now. */
const refused = (error: FileSystemFailed) =>
  process.platform === "win32" && ["EPERM", "EACCES", "EBUSY"].includes(error.code)

const replace = (from: string, to: string) =>
  Effect.retry(
    syscall("rename", to, () => rename(from, to)),
    { while: refused, schedule: Schedule.spaced("20 millis"), times: 25 }
  )

/** Write beside, fsync, rename, fsync the directory. `beside` is in the same directory, and nobody else's. */
export const writeAtomic = (path: string, bytes: Uint8Array, beside: string): Effect.Effect<void, FileSystemFailed> =>
  Effect.gen(function* () {
    yield* syscall("write", path, async () => {
      await mkdir(dirname(path), { recursive: true })
      const handle = await open(beside, "w")
      await synced(handle, () => handle.writeFile(bytes))
    })
    yield* replace(beside, path)
    yield* syncDirectory(dirname(path))
  }).pipe(Effect.onError(() => Effect.promise(() => unlink(beside).catch(() => undefined))))
