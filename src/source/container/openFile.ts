/**
 * Opens files that somebody named, whatever they are. The opening of a FIFO waits for a writer, in one of the few threads
 * that all such calls share, and nothing ends that wait but the end of the process: so it is opened without waiting, and
 * waited for as a socket is.
 */
import { close, constants, createReadStream, open as openFd } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { Socket } from "node:net"
import type { Readable } from "node:stream"
import { isatty } from "node:tty"
import { promisify } from "node:util"

const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

/** Rejects with what is wrong, in words, where it is not a regular file. */
export const openArchiveFile = async (path: string): Promise<FileHandle> => {
  const file = await open(path, flags)
  try {
    if ((await file.stat()).isFile()) return file
  } catch (error) {
    await file.close()
    throw error
  }
  await file.close()
  throw new Error("it is not a regular file")
}

/** A pipe or a device, which is read once. Destroying the stream closes it, also while nothing comes. */
export const openStream = async (path: string, isPipe: boolean): Promise<Readable> => {
  const fd = await promisify(openFd)(path, flags)
  if (isPipe) return new Socket({ fd, readable: true, writable: false })
  if (!isatty(fd)) return createReadStream(path, { fd })
  await promisify(close)(fd)
  throw new Error("it is a terminal")
}
