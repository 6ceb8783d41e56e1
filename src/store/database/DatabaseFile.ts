/**
 * The catalogue's file as it is read. A file that is replaced is noticed by its identity: inode, time and size, and
 * SQLite's own count of changes, since a freed inode is soon used again and clocks are coarse.
 */
import { type FileHandle, open } from "node:fs/promises"
import * as Effect from "effect/Effect"
import { FileSystemFailed } from "../../api/errors.ts"
import { ifMissing, syscall } from "../../fs/syscall.ts"
import { isAt } from "../locks/fileLock.ts"
import { tryDatabaseLock } from "./databaseLock.ts"

export interface DatabaseFile {
  readonly identity: string
  readonly bytes: Uint8Array
}

/** The count of changes is at bytes 24 to 27 of the header (SQLite, "Database File Format", 1.3.7). */
const headerBytes = 28

const identityOf = async (file: FileHandle): Promise<string> => {
  const { dev, ino, mtimeNs, size } = await file.stat({ bigint: true })
  const header = new Uint8Array(headerBytes)
  await file.read(header, 0, headerBytes, 0)
  return [dev, ino, mtimeNs, size, Buffer.from(header.subarray(24)).readUInt32BE()].join(":")
}

const opened = <A>(path: string, work: (file: FileHandle) => Promise<A>) =>
  ifMissing(
    syscall("read", path, async () => {
      const file = await open(path, "r")
      try {
        return await work(file)
      } finally {
        await file.close()
      }
    })
  )

/** `undefined` where there is no file. */
export const identify = (path: string): Effect.Effect<string | undefined, FileSystemFailed> => opened(path, identityOf)

/** `false` where it is written to just now, or was replaced since it was opened: what replaces it may become its spare. */
const isStill = async (file: FileHandle, path: string) =>
  (await tryDatabaseLock(file, "read")) !== false && (await isAt(file, path))

/** Looks again after 2 ms, then 4, and so on, 4 seconds in all: only a program other than ociflow writes for long. */
const looks = 12

/** All of the file as it is at one moment; `undefined` where there is none. */
export const readDatabase = Effect.fnUntraced(function* (
  path: string
): Effect.fn.Return<DatabaseFile | undefined, FileSystemFailed> {
  for (let look = 1; look < looks; look++) {
    const read = yield* opened(path, async (file) =>
      (await isStill(file, path)) ? { identity: await identityOf(file), bytes: await file.readFile() } : "busy"
    )
    if (read !== "busy") return read
    yield* Effect.sleep(2 ** look)
  }
  return yield* new FileSystemFailed({ operation: "read", path, code: "EBUSY" })
})
