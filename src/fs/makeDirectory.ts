/** A directory and those above it. */
import { mkdir, stat } from "node:fs/promises"
import { dirname } from "node:path"
import { codeOf } from "../api/codeOf.ts"

const isDirectory = (path: string) =>
  stat(path).then(
    (it) => it.isDirectory(),
    () => false
  )

/**
 * In place of `mkdir` with `recursive`, which in Node 20 tries for ever where a directory cannot be made in one that
 * exists (`/proc/x/y`), in a thread that nothing can cancel. Rejects with the system's own error.
 */
export const makeDirectory = async (path: string): Promise<void> => {
  const make = () =>
    mkdir(path).catch(async (error: unknown) => {
      if (codeOf(error) !== "EEXIST" || !(await isDirectory(path))) throw error
    })
  await make().catch(async (error: unknown) => {
    if (codeOf(error) !== "ENOENT" || dirname(path) === path) throw error
    await makeDirectory(dirname(path))
    await make()
  })
}
