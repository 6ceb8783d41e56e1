/**
 * Moves a staged tree into a directory, name by name, by rename. What is there is replaced, but a directory by a directory:
 * those are merged. A link in the place of a directory is never entered. Names are bytes: an archive's need not be UTF-8.
 */
import { lstat, mkdir, rename } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { FileSystemFailed } from "../../api/errors.ts"
import { ifMissing, syscall } from "../../fs/syscall.ts"
import { readEntries, within } from "../../seams/directoryEntries.ts"

const kindOf = (path: string | Buffer) =>
  Effect.map(ifMissing(syscall("lstat", String(path), () => lstat(path))), (stats) =>
    stats === undefined ? "none" : stats.isDirectory() ? "directory" : "other"
  )

/** What stands in a staged tree: nothing where it was not made, or where something else is. */
const entriesOf = (staged: Buffer) =>
  Effect.flatMap(kindOf(staged), (kind) =>
    kind === "directory" ? syscall("readdir", staged.toString(), () => readEntries(staged)) : Effect.succeed([])
  )

const publish = (staged: Buffer, target: Buffer): Effect.Effect<void, FileSystemFailed> =>
  Effect.gen(function* () {
    for (const { name } of yield* entriesOf(staged)) {
      const [from, to] = [within(staged, name), within(target, name)]
      const [source, there] = [yield* kindOf(from), yield* kindOf(to)]
      if (source === "directory" && there === "directory") yield* publish(from, to)
      else if (source === "directory" && there === "other")
        return yield* new FileSystemFailed({ operation: "rename", path: to.toString(), code: "ENOTDIR" })
      else yield* syscall("rename", to.toString(), () => rename(from, to))
    }
  })

export const publishTree = (staged: string, target: string) => publish(Buffer.from(staged), Buffer.from(target))

/**
 * The name in a staged tree that would be published into a directory within the target, in whatever case or form the file
 * system knows its name. `undefined` if nothing would be published there.
 */
export const nameOf = Effect.fnUntraced(function* (
  directory: string,
  staged: string,
  target: string
): Effect.fn.Return<string | undefined, FileSystemFailed> {
  const { dev, ino } = yield* syscall("lstat", directory, () => lstat(directory, { bigint: true }))
  for (const { name } of yield* entriesOf(Buffer.from(staged))) {
    const path = within(Buffer.from(target), name)
    const there = yield* ifMissing(syscall("lstat", path.toString(), () => lstat(path, { bigint: true })))
    if (there?.ino === ino && there.dev === dev) return name.toString()
  }
  return undefined
})

/** Whether all directories above a name are there, none of them by a link. */
export const hasParents = Effect.fnUntraced(function* (
  root: string,
  names: ReadonlyArray<string>
): Effect.fn.Return<boolean, FileSystemFailed> {
  for (let depth = 1; depth < names.length; depth++)
    if ((yield* kindOf(join(root, ...names.slice(0, depth)))) !== "directory") return false
  return true
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
