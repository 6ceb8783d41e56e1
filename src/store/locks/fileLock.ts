/**
 * A lock on an open file: OFD locks on Linux, `flock` on macOS, `LockFileEx` on Windows. The kernel drops it with the
 * last descriptor, so a process that is killed leaves none behind; and it belongs to the open file, not to the
 * process, so that two stores in one process exclude each other too.
 */

import { constants } from "node:fs"
import { type FileHandle, lstat, open, unlink } from "node:fs/promises"
import { codeOf } from "../../api/codeOf.ts"
import { scarcity } from "../../fs/loadModule.ts"
import { readRegular } from "../../fs/openRegular.ts"
import { requireNative } from "../../seams/native/nativePackage.ts"
import { runtime } from "../../seams/runtime.ts"

export interface Held {
  readonly release: () => Promise<void>
}

interface Locks {
  /**
   * Locks `length` bytes from `offset` on, by default the whole file, without waiting: `false` where another open file has
   * the lock. Throws the system's error otherwise.
   */
  readonly tryLock: (fd: number, offset?: number, length?: number, options?: { readonly shared?: boolean }) => boolean
}

let loaded: Promise<Locks | undefined> | undefined

/**
 * Not on Deno: the binding needs what Deno's libuv lacks, and loading it ends the process. `require`, since a failed
 * `import` is cached for ever.
 */
const load = async (): Promise<Locks | undefined> =>
  runtime === "deno" ? viaKoffi() : (requireNative("fs-native-extensions") as Locks)

/** The same locks, where koffi can ask for them. */
const viaKoffi = async (): Promise<Locks | undefined> => {
  const { loadKoffi } = await import("../../seams/native/koffi.ts")
  const lockFile = loadKoffi()?.lockFile
  if (lockFile === undefined) return undefined
  return {
    tryLock: (fd, offset = 0, length = 0, { shared = false } = {}) => {
      const code = lockFile(fd, shared, offset, length)
      if (code !== undefined && code !== "EAGAIN" && code !== "EACCES") throw Object.assign(new Error(code), { code })
      return code === undefined
    }
  }
}

/**
 * `undefined` if this platform has neither a prebuilt binding (musl, the rarer architectures) nor koffi. Rejects if the
 * process has no free descriptors: another kind of lock would not exclude those who hold this kind.
 */
export const binding = () => {
  loaded ??= load().catch(async (error) => {
    loaded = undefined
    if (scarcity(error) !== undefined) throw error
    // Its loader reports a file that it cannot open as missing.
    await (await open(process.execPath)).close()
    loaded = viaKoffi()
    return loaded
  })
  return loaded
}

/** The file system has no such locks (some network and FUSE mounts). */
export const unsupported = new Set(["ENOLCK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL"])

/** Whether the open file still has this name. */
export const isAt = async (handle: FileHandle, path: string): Promise<boolean> => {
  const held = await handle.stat({ bigint: true })
  const there = await lstat(path, { bigint: true }).catch(() => undefined)
  return there !== undefined && there.ino === held.ino && there.dev === held.dev
}

const { O_APPEND, O_CREAT, O_NOFOLLOW = 0, O_RDWR } = constants

/** Removes a link with a lock's name: it is somebody else's, and opening it would create the file it leads to. */
const openLock = async (path: string): Promise<FileHandle> => {
  for (;;) {
    try {
      return await open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW)
    } catch (error) {
      const isLink = (await lstat(path).catch(() => undefined))?.isSymbolicLink() === true
      if (!isLink) throw error
      await unlink(path)
    }
  }
}

const longestNote = 300

/** Nobody depends on it. */
const write = async (handle: FileHandle, note: string): Promise<void> => {
  if (note === "") return
  await handle.truncate(0).catch(() => undefined)
  await handle.appendFile(note.slice(0, longestNote)).catch(() => undefined)
}

/** Reads the note in a lock's file. `undefined` if there is no note, or the file cannot be read. */
export const readNote = (path: string): Promise<string | undefined> =>
  readRegular(path, longestNote).then(
    (note) => (note.length === 0 ? undefined : note.toString("utf8")),
    () => undefined
  )

/**
 * Tries once. `undefined`: another has it. `"unsupported"`: there are no file locks here. The holder of an exclusive
 * lock removes the file as it leaves, so the locked file is checked to still have the name.
 */
export const tryFileLock = async (
  path: string,
  shared: boolean,
  note = ""
): Promise<Held | undefined | "unsupported"> => {
  const locks = await binding()
  if (locks === undefined) return "unsupported"
  for (;;) {
    const handle = await openLock(path)
    try {
      if (!locks.tryLock(handle.fd, 0, 0, { shared })) {
        await handle.close()
        return undefined
      }
      if (await isAt(handle, path)) {
        await write(handle, note)
        return { release: () => release(handle, path, shared) }
      }
      await handle.close()
    } catch (error) {
      await handle.close()
      if (unsupported.has(codeOf(error))) return "unsupported"
      throw error
    }
  }
}

/** If the directory was removed and made again meanwhile, the name is another lock's. */
const release = async (handle: FileHandle, path: string, shared: boolean): Promise<void> => {
  // Removed while still locked: later, it could be another's. Windows does not remove an open file's name at once.
  if (!shared && process.platform !== "win32" && (await isAt(handle, path))) await unlink(path).catch(() => undefined)
  await handle.close()
}
