/**
 * SQLite's own locks on an open database file ("File Locking And Concurrency", 3.0; the bytes are those of `os.h`):
 * readers share a range of bytes, a writer has it alone. So ociflow and other programs that use SQLite exclude each
 * other. The lock ends when the file is closed.
 */

import type { FileHandle } from "node:fs/promises"
import { codeOf } from "../../api/codeOf.ts"
import { binding, unsupported } from "../locks/fileLock.ts"

const pending = 0x4000_0000
const shared = pending + 2
const sharedBytes = 510

/** On macOS and Windows our locks are of another kind than SQLite's. */
const available = async () => (process.platform === "linux" ? await binding() : undefined)

export const hasDatabaseLocks = async (): Promise<boolean> => (await available()) !== undefined

/** `undefined`: there are no such locks here. */
export const tryDatabaseLock = async (file: FileHandle, how: "read" | "write"): Promise<boolean | undefined> => {
  const locks = await available()
  if (locks === undefined) return undefined
  try {
    return how === "read"
      ? locks.tryLock(file.fd, shared, sharedBytes, { shared: true })
      : locks.tryLock(file.fd, pending, shared - pending + sharedBytes)
  } catch (error) {
    if (unsupported.has(codeOf(error))) return undefined
    throw error
  }
}
