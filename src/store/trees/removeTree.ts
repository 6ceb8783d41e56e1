/**
 * Removes a tree that is not trusted. Links are removed and never followed, directories that forbid it (mode 0) are
 * made accessible first, names need not be UTF-8, and an interruption stops between two entries. It is not a failure if
 * something is gone already.
 */
import { chmod, lstat, rmdir, unlink } from "node:fs/promises"
import * as Effect from "effect/Effect"
import type { FileSystemFailed } from "../../api/errors.ts"
import { ifMissing, syscall } from "../../fs/syscall.ts"
import { readEntries, within } from "../../seams/directoryEntries.ts"

const call = <A>(operation: string, path: Buffer, run: (path: Buffer) => Promise<A>) =>
  ifMissing(syscall(operation, path.toString(), () => run(path)))

const removeDirectory = (path: Buffer, mode: number): Effect.Effect<void, FileSystemFailed> =>
  Effect.gen(function* () {
    if ((mode & 0o700) !== 0o700) yield* call("chmod", path, (path) => chmod(path, 0o700))
    const entries = yield* call("readdir", path, readEntries)
    if (entries === undefined) return
    const files = entries.filter((entry) => !entry.isDirectory())
    yield* Effect.forEach(files, ({ name }) => call("unlink", within(path, name), unlink), {
      concurrency: 8,
      discard: true
    })
    for (const entry of entries) if (entry.isDirectory()) yield* remove(within(path, entry.name))
    yield* call("rmdir", path, rmdir)
  })

const remove = (path: Buffer): Effect.Effect<void, FileSystemFailed> =>
  Effect.gen(function* () {
    const stat = yield* call("lstat", path, (path) => lstat(path))
    if (stat === undefined) return
    yield* stat.isDirectory() ? removeDirectory(path, stat.mode) : call("unlink", path, unlink)
  })

export const removeTree = (path: string): Effect.Effect<void, FileSystemFailed> => remove(Buffer.from(path))
