import type { Stats } from "node:fs"
import { lstat } from "node:fs/promises"
import * as Effect from "effect/Effect"
import { type FileSystemFailed, UnsafeStore } from "../../api/errors.ts"
import { ifMissing, syscall } from "../../fs/syscall.ts"

/**
 * What is at a path of the store's own; `undefined` where nothing is. Fails with `UnsafeStore` where it is a symbolic link:
 * it would lead whoever reads, writes or removes to files elsewhere.
 */
export const refuseLink = (path: string): Effect.Effect<Stats | undefined, FileSystemFailed | UnsafeStore> =>
  Effect.flatMap(ifMissing(syscall("lstat", path, () => lstat(path))), (found) =>
    found?.isSymbolicLink() === true
      ? Effect.fail(new UnsafeStore({ path, problem: "is a symbolic link, and the store follows none here" }))
      : Effect.succeed(found)
  )
