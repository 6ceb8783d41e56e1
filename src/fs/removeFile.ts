/** Removes a file, or finds that it is not there. */
import { unlink } from "node:fs/promises"
import * as Effect from "effect/Effect"
import type { FileSystemFailed } from "../api/errors.ts"
import { ifMissing, syscall } from "./syscall.ts"

export const removeFile = (path: string): Effect.Effect<void, FileSystemFailed> =>
  Effect.asVoid(ifMissing(syscall("unlink", path, () => unlink(path))))
