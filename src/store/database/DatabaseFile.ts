/**
 * Reads the catalogue's file. A replaced file is noticed by its identity: inode, time and size, and SQLite's own count
 * of changes, since inodes are soon reused and clocks are coarse.
 */
import { constants } from "node:fs"
import type { FileHandle } from "node:fs/promises"
import * as Effect from "effect/Effect"
import { FileSystemFailed } from "../../api/errors.ts"
import { notRegular, openRegular, readAt, regularStats, withDescriptor } from "../../fs/openRegular.ts"
import { ifMissing, recoverFrom, syscall } from "../../fs/syscall.ts"
import { isAt } from "../locks/fileLock.ts"
import { tryDatabaseLock } from "./databaseLock.ts"

export interface DatabaseFile {
  readonly identity: string
  readonly bytes: Uint8Array
}

/** A link, a FIFO or the like, which is not opened, and counts as a file without bytes. */
const nothing: DatabaseFile = { identity: "no regular file", bytes: new Uint8Array() }

/** The largest catalogue: some 100 000 images. All of it is read into memory. */
const mostBytes = 2 ** 30

/** The count of changes, in the file's header (SQLite, "Database File Format", 1.3.7). */
const [countAt, countBytes] = [24, 4]

const identityOf = async (file: number): Promise<string> => {
  const { dev, ino, mtimeNs, size } = await regularStats(file)
  const count = Buffer.alloc(countBytes)
  await readAt(file, count, 0, countBytes, countAt)
  return [dev, ino, mtimeNs, size, count.readUInt32BE()].join(":")
}

const orNothing =
  <const B>(irregular: B) =>
  <A, R>(call: Effect.Effect<A, FileSystemFailed, R>) =>
    call.pipe(ifMissing, recoverFrom(notRegular, irregular))

/** `undefined` where there is no file. */
export const identify = (path: string): Effect.Effect<string | undefined, FileSystemFailed> =>
  syscall("read", path, () => withDescriptor(path, identityOf)).pipe(orNothing(nothing.identity))

const opened = <A>(path: string, work: (file: FileHandle) => Promise<A>) =>
  syscall("read", path, async () => {
    const { file } = await openRegular(path, constants.O_RDONLY)
    try {
      return await work(file)
    } finally {
      await file.close()
    }
  }).pipe(orNothing(nothing))

/**
 * `false` if it is being written, or was replaced since it was opened: a replaced file may become the spare and be
 * written.
 */
const isStill = async (file: FileHandle, path: string) =>
  (await tryDatabaseLock(file, "read")) !== false && (await isAt(file, path))

/**
 * Tries again after 2 ms, then 4, and so on, for 4 seconds in all: only a program other than ociflow writes for that
 * long.
 */
const looks = 12

/** The whole file as it is at one moment; `undefined` if it does not exist. */
export const readDatabase = Effect.fnUntraced(function* (
  path: string
): Effect.fn.Return<DatabaseFile | undefined, FileSystemFailed> {
  for (let look = 1; look < looks; look++) {
    const read = yield* opened(path, async (file) => {
      if ((await file.stat()).size > mostBytes) throw Object.assign(new Error("too large"), { code: "EFBIG" })
      return (await isStill(file, path))
        ? { identity: await identityOf(file.fd), bytes: await file.readFile() }
        : "busy"
    })
    if (read !== "busy") return read
    yield* Effect.sleep(2 ** look)
  }
  return yield* new FileSystemFailed({ operation: "read", path, code: "EBUSY" })
})
