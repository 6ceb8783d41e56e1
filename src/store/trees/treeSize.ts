/** Bytes that a tree occupies on disk: blocks, not lengths; a file with several links counts once, links are not followed. */
import { lstat, readdir } from "node:fs/promises"
import { sep } from "node:path"
import * as Effect from "effect/Effect"
import type { FileSystemFailed } from "../../api/errors.ts"
import { ifMissing, recoverFrom, syscall } from "../../fs/syscall.ts"

const blockSize = 512

/** The content of an unreadable directory is not counted. Removing it changes its mode first. */
const unreadable = recoverFrom(["ENOENT", "ENOTDIR", "EACCES", "EPERM"], undefined)

const measure = (path: Buffer, seen: Set<string>): Effect.Effect<number, FileSystemFailed> =>
  Effect.gen(function* () {
    const stat = yield* ifMissing(syscall("lstat", path.toString(), () => lstat(path)))
    if (stat === undefined) return 0
    if (stat.nlink > 1 && !stat.isDirectory()) {
      const inode = `${stat.dev}:${stat.ino}`
      if (seen.has(inode)) return 0
      seen.add(inode)
    }
    // Windows counts no blocks.
    const own = stat.blocks === undefined ? stat.size : stat.blocks * blockSize
    if (!stat.isDirectory()) return own
    const names = yield* unreadable(syscall("readdir", path.toString(), () => readdir(path, { encoding: "buffer" })))
    const within = (name: Buffer) => measure(Buffer.concat([path, Buffer.from(sep), name]), seen)
    const sizes = yield* Effect.forEach(names ?? [], within, { concurrency: 4 })
    return sizes.reduce((sum, size) => sum + size, own)
  })

export const treeSize = (path: string): Effect.Effect<number, FileSystemFailed> =>
  Effect.suspend(() => measure(Buffer.from(path), new Set()))
