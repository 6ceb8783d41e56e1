/**
 * Writes a finished tree to the disk, so that it outlives a power cut: with syncfs(2) at once where it can be called,
 * else file by file and then each directory. Synchronous, for the worker.
 */
import { closeSync, constants, existsSync, fsyncSync, openSync } from "node:fs"
import { entriesIn, within } from "../seams/directoryEntries.ts"
import { native } from "./native.ts"

/** Never a link, and never waiting for the other end of a FIFO. */
const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

const syncPath = (path: Buffer): void => {
  const fd = openSync(path, flags)
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

const syncEach = (path: Buffer): void => {
  const directories: Array<Buffer> = []
  for (const entry of entriesIn(path)) {
    const child = within(path, entry.name)
    if (entry.isDirectory()) directories.push(child)
    else if (entry.isFile()) syncPath(child)
  }
  // Afterwards: a directory that is read is open.
  for (const directory of directories) syncEach(directory)
  // Windows has no such thing as a directory that is not written yet.
  if (process.platform !== "win32") syncPath(path)
}

/** Throws the system's error. */
export const syncTree = (directory: string): void => {
  const fd = openSync(directory, flags)
  try {
    if (native.syncFileSystem?.(fd) === undefined && native.syncFileSystem !== undefined) return
  } finally {
    closeSync(fd)
  }
  syncEach(Buffer.from(directory))
  // What the files could not say for themselves.
  if (existsSync(`${directory}.stat`)) syncPath(Buffer.from(`${directory}.stat`))
}
