/** Directories: the names that one holds, making one with those above it, and the mode of a new one. */
import { constants } from "node:fs"
import { lstat, mkdir, open, readdir, stat } from "node:fs/promises"
import { dirname } from "node:path"
import * as Effect from "effect/Effect"
import { codeOf } from "../api/codeOf.ts"
import type { FileSystemFailed } from "../api/errors.ts"
import { ifMissing, recoverFrom, syscall } from "./syscall.ts"

/** The names in a directory, which may be reached by a link, as one's own to another disk; none where there is no directory. */
export const listAt = (path: string) =>
  recoverFrom(["ENOENT", "ENOTDIR"], [])(syscall("readdir", path, () => readdir(path)))

/** The same where the path is not a link: what is done to the names is done in no other place. */
export const list = (path: string) =>
  Effect.flatMap(isDirectory(path), (isThere) => (isThere ? listAt(path) : Effect.succeed<ReadonlyArray<string>>([])))

/** Whether a directory is there. A symbolic link to one is not a directory. */
export const isDirectory = (path: string): Effect.Effect<boolean, FileSystemFailed> =>
  Effect.map(ifMissing(syscall("lstat", path, () => lstat(path))), (found) => found?.isDirectory() === true)

const leadsToDirectory = (path: string) =>
  stat(path).then(
    (it) => it.isDirectory(),
    () => false
  )

/**
 * In place of `mkdir` with `recursive`, which in Node 20 tries for ever where a directory cannot be made in one that
 * exists (`/proc/x/y`), in a thread that nothing can cancel. Rejects with the system's own error.
 */
export const makeDirectory = async (path: string): Promise<void> => {
  const make = () =>
    mkdir(path).catch(async (error: unknown) => {
      if (codeOf(error) !== "EEXIST" || !(await leadsToDirectory(path))) throw error
    })
  await make().catch(async (error: unknown) => {
    if (codeOf(error) !== "ENOENT" || dirname(path) === path) throw error
    await makeDirectory(dirname(path))
    await make()
  })
}

/**
 * Gives a new directory what the umask has kept from it; its other bits stay. No link is followed. A file system without modes
 * refuses, and so does Windows: there it is left as it is.
 */
export const setMode = async (path: string, mode: number): Promise<void> => {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW).catch(
    () => undefined
  )
  try {
    const made = (await handle?.stat())?.mode ?? mode
    if ((made & 0o777) !== mode) await handle?.chmod((made & 0o7000) | mode).catch(() => undefined)
  } finally {
    await handle?.close()
  }
}
