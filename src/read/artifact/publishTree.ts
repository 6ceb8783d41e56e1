/**
 * Moves a staged tree into a directory, name by name, by rename. What is there is replaced, but a directory by a directory:
 * those are merged. A link in the place of a directory is never entered.
 */
import { lstat, mkdir, readdir, rename } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { FileSystemFailed } from "../../api/errors.ts"
import { ifMissing, syscall } from "../../fs/syscall.ts"

const kindOf = (path: string) =>
  Effect.map(ifMissing(syscall("lstat", path, () => lstat(path))), (stats) =>
    stats === undefined ? "none" : stats.isDirectory() ? "directory" : "other"
  )

export const publishTree = (staged: string, target: string): Effect.Effect<void, FileSystemFailed> =>
  Effect.gen(function* () {
    for (const name of yield* syscall("readdir", staged, () => readdir(staged))) {
      const [from, to] = [join(staged, name), join(target, name)]
      const [source, there] = [yield* kindOf(from), yield* kindOf(to)]
      if (source === "directory" && there === "directory") yield* publishTree(from, to)
      else if (source === "directory" && there === "other")
        return yield* new FileSystemFailed({ operation: "rename", path: to, code: "ENOTDIR" })
      else yield* syscall("rename", to, () => rename(from, to))
    }
  })

/** Makes the directory for a file, none of whose components may be a link. */
export const makeParents = Effect.fnUntraced(function* (root: string, names: ReadonlyArray<string>) {
  let path = root
  for (const name of names.slice(0, -1)) {
    path = join(path, name)
    const at = path
    if ((yield* kindOf(at)) === "none") yield* syscall("mkdir", at, () => mkdir(at))
  }
  return join(root, ...names)
})
