/** Bytes that this user may still write to the file system on which a path is, or will be. */
import { statfs } from "node:fs/promises"
import { dirname } from "node:path"
import * as Effect from "effect/Effect"
import { ifMissing, syscall } from "./syscall.ts"

/** `undefined` where the file system does not say. */
export const freeSpace = (path: string): Effect.Effect<number | undefined> =>
  ifMissing(syscall("statfs", path, () => statfs(path))).pipe(
    Effect.flatMap((found) => {
      if (found === undefined) return dirname(path) === path ? Effect.undefined : freeSpace(dirname(path))
      return Effect.succeed(found.blocks === 0 ? undefined : found.bavail * found.bsize)
    }),
    Effect.orElseSucceed(() => undefined)
  )
