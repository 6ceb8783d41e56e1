/**
 * Gives the catalogue's file a new content. Whoever looks, and whatever crashes, sees the old file or the new one, and
 * what is written is what differs. Two files take turns:
 *
 *     oci.db        what is so            ─┐ link
 *     oci.db.spare  what was so before  ◂──┘
 *     oci.db.tmp    the spare, made equal to what is to be so  ── rename ▸ oci.db
 *
 * What the spare holds is compared and not believed: what a crash left of it will do. It is written to
 * only when nobody reads it any more (SQLite's own lock) and it has no other name; else a new file is written whole. See
 * docs/decisions/0011-growing-catalogue.md.
 */
import { constants } from "node:fs"
import { type FileHandle, link, open, rename } from "node:fs/promises"
import { dirname } from "node:path"
import * as Effect from "effect/Effect"
import { codeOf } from "../../api/codeOf.ts"
import type { FileSystemFailed } from "../../api/errors.ts"
import { makeDirectory } from "../../fs/directories.ts"
import { isOwnedByUs, notRegular, openRegular } from "../../fs/openRegular.ts"
import { ifMissing, removeFile, syscall } from "../../fs/syscall.ts"
import { ownMode, replace, syncAndClose, syncDirectory } from "../../fs/writeAtomic.ts"
import { hasDatabaseLocks, tryDatabaseLock } from "./databaseLock.ts"

/** Bytes that are read, and compared, at once; bytes that are written at least. */
const stretch = 2 ** 20
const page = 4096

const writeAll = async (file: FileHandle, bytes: Uint8Array, position: number): Promise<void> => {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten
  }
}

/** Writes what differs, each run of pages at once. */
const patch = async (file: FileHandle, bytes: Uint8Array): Promise<void> => {
  const there = Buffer.allocUnsafe(stretch)
  const wanted = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let start = 0; start < wanted.length; start += stretch) {
    const end = Math.min(start + stretch, wanted.length)
    const { bytesRead } = await file.read(there, 0, end - start, start)
    const isSame = (from: number, to: number) =>
      to - start <= bytesRead && wanted.compare(there, from - start, to - start, from, to) === 0
    if (isSame(start, end)) continue
    let run: number | undefined
    for (let at = start; at < end; at += page) {
      if (!isSame(at, Math.min(at + page, end))) run ??= at
      else if (run !== undefined) {
        await writeAll(file, wanted.subarray(run, at), run)
        run = undefined
      }
    }
    if (run !== undefined) await writeAll(file, wanted.subarray(run, end), run)
  }
  await file.truncate(wanted.length)
}

/**
 * `false` where the file cannot be had: it is not there, somebody reads it, it is also called something else, or it is no
 * file of ours.
 */
const patchSpare = async (path: string, bytes: Uint8Array): Promise<boolean> => {
  const opened = await openRegular(path, constants.O_RDWR).catch((error: unknown) => {
    if (["ENOENT", ...notRegular].includes(codeOf(error))) return undefined
    throw error
  })
  if (opened === undefined) return false
  const { file } = opened
  let taken = false
  await syncAndClose(file, async () => {
    const { nlink } = await file.stat()
    taken = nlink === 1 && isOwnedByUs(opened.stats) && (await tryDatabaseLock(file, "write")) === true
    if (taken) await patch(file, bytes)
  })
  return taken
}

const writeNew = async (path: string, bytes: Uint8Array): Promise<void> => {
  const handle = await open(path, "wx", ownMode)
  await syncAndClose(handle, () => handle.writeFile(bytes))
}

/** Under the catalogue's lock. The bytes, and the name, are on the disk when this succeeds. */
export const replaceDatabase = Effect.fnUntraced(function* (
  path: string,
  bytes: Uint8Array
): Effect.fn.Return<void, FileSystemFailed> {
  const [spare, next] = [`${path}.spare`, `${path}.tmp`]
  yield* syscall("mkdir", dirname(path), () => makeDirectory(dirname(path)))
  yield* ifMissing(syscall("rename", next, () => rename(spare, next)))
  yield* Effect.gen(function* () {
    if (!(yield* syscall("write", path, () => patchSpare(next, bytes)))) {
      yield* removeFile(next)
      yield* syscall("write", path, () => writeNew(next, bytes))
    }
    // Where there are no links the file that is replaced goes, and the next one is written whole.
    if (yield* Effect.promise(hasDatabaseLocks)) yield* Effect.ignore(syscall("link", path, () => link(path, spare)))
    yield* replace(next, path)
  }).pipe(Effect.onError(() => Effect.ignore(removeFile(next))))
  yield* syncDirectory(dirname(path))
})
