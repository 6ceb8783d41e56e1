import type { Stats } from "node:fs"
import { lstat } from "node:fs/promises"
import * as Effect from "effect/Effect"
import { type FileSystemFailed, UnsafeStore } from "../../api/errors.ts"
import { ifMissing, syscall } from "../../fs/syscall.ts"

/**
 * What is at a path of the store; `undefined` if nothing is. Fails with `UnsafeStore` if it is a symbolic link, which
 * would redirect reads, writes and removals.
 */
export const refuseLink = (path: string): Effect.Effect<Stats | undefined, FileSystemFailed | UnsafeStore> =>
  Effect.flatMap(ifMissing(syscall("lstat", path, () => lstat(path))), (found) =>
    found?.isSymbolicLink() === true
      ? Effect.fail(new UnsafeStore({ path, problem: "is a symbolic link, which the store does not follow" }))
      : Effect.succeed(found)
  )
