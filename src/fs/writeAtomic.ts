/** Replaces a file as a whole: a reader sees the old bytes or the new, after a crash too. */

import { fsync } from "node:fs"
import { type FileHandle, open, rename, unlink } from "node:fs/promises"
import { dirname } from "node:path"
import { promisify } from "node:util"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { codeOf } from "../api/codeOf.ts"
import type { FileSystemFailed } from "../api/errors.ts"
import { makeDirectory } from "./directories.ts"
import { syscall } from "./syscall.ts"

const sync = promisify(fsync)

/** fsync(2), by the descriptor: the `FileHandle` of Yarn's Plug'n'Play cannot `sync`. Rejects with the system's error. */
export const syncHandle = ({ fd }: Pick<FileHandle, "fd">): Promise<void> => sync(fd)

/** Does the work, waits for the disk, closes the file. */
export const syncAndClose = async (handle: FileHandle, work: () => Promise<unknown>): Promise<void> => {
  try {
    await work()
    await syncHandle(handle)
  } finally {
    await handle.close()
  }
}

/** Makes the bytes of a file last through a power cut. Windows flushes only what is open for writing. Rejects as Node does. */
export const syncPath = async (path: string, flags = "r+"): Promise<void> =>
  syncAndClose(await open(path, flags), () => Promise.resolve())

/** Makes the names in a directory last through a power cut. Windows cannot, and need not. */
export const syncDirectory = (path: string): Effect.Effect<void, FileSystemFailed> =>
  process.platform === "win32" ? Effect.void : syscall("sync", path, () => syncPath(path, "r"))

export const syncFile = (path: string): Effect.Effect<void, FileSystemFailed> =>
  syscall("sync", path, () => syncPath(path))

/** Windows refuses to rename over a file that someone is reading just now. */
const refused = (error: FileSystemFailed) =>
  process.platform === "win32" && ["EPERM", "EACCES", "EBUSY"].includes(error.code)

export const replace = (from: string, to: string) =>
  Effect.retry(
    syscall("rename", to, () => rename(from, to)),
    { while: refused, schedule: Schedule.spaced("20 millis"), times: 25 }
  )

/** The mode of files that nobody but their owner writes to, whatever the umask is: others can only put new ones in their place. */
export const ownMode = 0o644

/** A file that was not there: one that a crash left goes, and so does a link, which leads elsewhere. */
export const openNew = async (path: string, mode?: number, tries = 3): Promise<FileHandle> => {
  try {
    return await open(path, "wx", mode)
  } catch (error) {
    if (codeOf(error) !== "EEXIST" || tries === 1) throw error
    await unlink(path)
    return openNew(path, mode, tries - 1)
  }
}

/**
 * Write beside, rename. `beside` is in the same directory, and nobody else's. `lasting`: the bytes reach the disk before
 * the name does, and the name before this succeeds; without it a power cut may leave an empty file. `mode`: at most.
 */
export const writeAtomic = (
  path: string,
  bytes: Uint8Array,
  beside: string,
  { lasting, mode }: { readonly lasting: boolean; readonly mode?: number }
): Effect.Effect<void, FileSystemFailed> =>
  Effect.gen(function* () {
    yield* syscall("write", path, async () => {
      await makeDirectory(dirname(path))
      const handle = await openNew(beside, mode)
      if (lasting) return syncAndClose(handle, () => handle.writeFile(bytes))
      await handle.writeFile(bytes).finally(() => handle.close())
    })
    yield* replace(beside, path)
    if (lasting) yield* syncDirectory(dirname(path))
  }).pipe(Effect.onError(() => Effect.promise(() => unlink(beside).catch(() => undefined))))
