/**
 * Where a bundle is made before it gets its name: in a directory beside it, which a rename publishes. One that a dead process left there
 * is removed by the next call for the same bundle.
 */
import { createHash } from "node:crypto"
import { chmod, chown, lstat, mkdir, realpath, rename, rmdir } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import * as Effect from "effect/Effect"
import { InvalidOption } from "../api/errors.ts"
import { listAt, makeDirectory } from "../fs/directories.ts"
import { ifMissing, syscall } from "../fs/syscall.ts"
import { syncDirectory } from "../fs/writeAtomic.ts"
import { Directories } from "../store/directories/Directories.ts"
import { Locks } from "../store/locks/Locks.ts"
import { removeTree } from "../store/trees/removeTree.ts"

const occupied = () => new InvalidOption({ option: "directory", problem: "must not exist, or be an empty directory" })

/** What stands there; fails where a bundle would take the place of something. */
const lookAt = Effect.fnUntraced(function* (path: string) {
  const there = yield* ifMissing(syscall("lstat", path, () => lstat(path)))
  if (there === undefined) return undefined
  if (!there.isDirectory() || (yield* listAt(path)).length > 0) return yield* occupied()
  return there
})

/** Links that lead to an empty directory are the caller's own, and are followed; one that leads nowhere is in the way. */
const targetOf = Effect.fnUntraced(function* (path: string) {
  // Plain JavaScript may give anything, and an empty path would be the working directory.
  if (typeof path !== "string" || path === "" || path.includes("\0"))
    return yield* new InvalidOption({ option: "directory", problem: "must be a path, and not empty" })
  const target = resolve(path)
  const real = yield* ifMissing(syscall("realpath", target, () => realpath(target)))
  if (real !== undefined) return real
  const parent = dirname(target)
  yield* syscall("mkdir", parent, () => makeDirectory(parent))
  return join(yield* syscall("realpath", parent, () => realpath(parent)), basename(target))
})

/** `publish` gives the staged directory its name. Without it, nothing stays when the scope closes. */
export const stageBundle = Effect.fnUntraced(function* (path: string) {
  const { root } = yield* Directories
  const { lock } = yield* Locks
  const target = yield* targetOf(path)
  const key = createHash("sha256")
    .update(JSON.stringify([root, target]))
    .digest("hex")
    .slice(0, 16)
  yield* lock(`bundle-${key}`)
  yield* lookAt(target)
  const staging = join(dirname(target), `.ociflow-${key}`)
  yield* removeTree(staging)
  // As the store's own directories: setuid programs of an image are for nobody else to run.
  yield* syscall("mkdir", staging, () => mkdir(staging, 0o700))
  yield* Effect.addFinalizer(() => Effect.ignore(removeTree(staging)))
  const publish = Effect.fnUntraced(function* (lasting: boolean) {
    const there = yield* lookAt(target)
    if (there !== undefined) {
      const { uid, gid, mode } = there
      // Root makes it for whom the directory was made.
      if (process.geteuid?.() === 0 && (uid !== 0 || gid !== 0))
        yield* syscall("chown", staging, () => chown(staging, uid, gid))
      yield* syscall("chmod", staging, () => chmod(staging, mode & 0o7777))
      if (process.platform === "win32") yield* syscall("rmdir", target, () => rmdir(target))
    }
    if (lasting) yield* syncDirectory(staging)
    yield* Effect.catch(
      syscall("rename", target, () => rename(staging, target)),
      (error) => Effect.fail(["ENOTEMPTY", "EEXIST", "ENOTDIR"].includes(error.code) ? occupied() : error)
    )
    if (lasting) yield* syncDirectory(dirname(target))
  })
  return { target, staging, publish }
})
