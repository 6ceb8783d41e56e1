/**
 * Replaces the content of the catalogue's file. Readers, and a crash at any moment, see the old file or the new one,
 * and only what differs is written. Two files take turns:
 *
 *     oci.db        the current content   ─┐ link
 *     oci.db.spare  the one before it   ◂──┘
 *     oci.db.tmp    the spare, made equal to the new content  ── rename ▸ oci.db
 *
 * The spare's content is compared and not trusted, so what a crash left of it can be used. It is written to only if
 * nobody is reading it (SQLite's own lock) and it has no other name; otherwise a whole new file is written. See
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

/** Bytes that are read and compared at once, and the fewest that are written at once. */
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

/** `false` if the spare cannot be used: it is missing, somebody is reading it, it has another name, or it is not ours. */
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
    // Without hard links, the replaced file is lost, and the next one is written whole.
    if (yield* Effect.promise(hasDatabaseLocks)) yield* Effect.ignore(syscall("link", path, () => link(path, spare)))
    yield* replace(next, path)
  }).pipe(Effect.onError(() => Effect.ignore(removeFile(next))))
  yield* syncDirectory(dirname(path))
})
