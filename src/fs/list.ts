/** The names in a directory; none where there is no directory. What is done to them is done in no other place: no link is followed. */
import { lstat, readdir } from "node:fs/promises"
import * as Effect from "effect/Effect"
import { ifMissing, recoverFrom, syscall } from "./syscall.ts"

/** The same where the path may be a link, as one's own to another disk. */
export const listAt = (path: string) =>
  recoverFrom(["ENOENT", "ENOTDIR"], [])(syscall("readdir", path, () => readdir(path)))

export const list = (path: string) =>
  Effect.flatMap(ifMissing(syscall("lstat", path, () => lstat(path))), (found) =>
    found?.isDirectory() === true ? listAt(path) : Effect.succeed<ReadonlyArray<string>>([])
  )
