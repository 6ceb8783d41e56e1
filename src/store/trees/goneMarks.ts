/**
 * A tree loses its name by a rename. A directory in a lower layer of overlayfs cannot be renamed (`EXDEV`). There, the
 * file `<layersDir>/.gone/<name of the tree>` marks the tree as gone: a process that publishes a tree with that name, or
 * cleans up, first removes what is left of it. Marks are made and removed under the lock `use`.
 */
import { lstat, mkdir, rename, rmdir, stat, unlink, writeFile } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import * as Effect from "effect/Effect"
import { codeOf } from "../../api/codeOf.ts"
import { list } from "../../fs/directories.ts"
import { ifMissing, syscall } from "../../fs/syscall.ts"

const marksIn = (layersDir: string) => join(layersDir, ".gone")
const markOf = (tree: string) => join(marksIn(dirname(tree)), basename(tree))

/** The names of the trees that are marked. */
export const goneIn = (layersDir: string) =>
  Effect.map(list(marksIn(layersDir)), (names): ReadonlySet<string> => new Set<string>(names))

export const isGone = (tree: string) =>
  Effect.map(ifMissing(syscall("lstat", markOf(tree), () => lstat(markOf(tree)))), (it) => it !== undefined)

const mark = (tree: string) =>
  syscall("write", markOf(tree), async () => {
    // A user who cannot write to the trees cannot mark them either, whatever the umask is.
    const { mode } = await stat(dirname(tree))
    await mkdir(dirname(markOf(tree)), mode & 0o777).catch((error: unknown) => {
      if (codeOf(error) !== "EEXIST") throw error
    })
    await writeFile(markOf(tree), "")
  })

/** Removes the mark: the tree that has the name now is there. */
export const unmark = (tree: string) =>
  Effect.andThen(
    ifMissing(syscall("unlink", markOf(tree), () => unlink(markOf(tree)))),
    Effect.ignore(syscall("rmdir", marksIn(dirname(tree)), () => rmdir(marksIn(dirname(tree)))))
  )

/** Renames a tree; `false` if it could only be marked, and stays where it is. */
export const takeAway = (tree: string, to: string) =>
  ifMissing(syscall("rename", tree, () => rename(tree, to))).pipe(
    Effect.as(true),
    Effect.catch((error) => (error.code === "EXDEV" ? Effect.as(mark(tree), false) : Effect.fail(error)))
  )
