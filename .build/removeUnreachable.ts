import { readdir, readFile, rm } from "node:fs/promises"
import { join } from "node:path"

const specifiers = /(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]+)"/g

/** The declarations that `file` leads to, itself among them. */
const reach = async (file: string, found: Set<string>): Promise<void> => {
  if (found.has(file)) return
  found.add(file)
  for (const [, specifier = ""] of (await readFile(file, "utf8")).matchAll(specifiers)) {
    await reach(join(file, "..", specifier.replace(/\.[jt]s$/, ".d.ts")), found)
  }
}

const remove = async (directory: string, isUnwanted: (file: string) => boolean) => {
  for (const name of await readdir(directory, { recursive: true })) {
    const file = join(directory, name)
    if (isUnwanted(file)) await rm(file)
  }
}

/** Removes all JavaScript of a directory, that of an earlier build too. */
export const removeModules = (directory: string) => remove(directory, (file) => /\.(js|js\.map)$/.test(file))

/** Removes the declarations of a directory that none of the entries leads to. */
export const removeUnreachable = async (directory: string, entries: ReadonlyArray<string>) => {
  const found = new Set<string>()
  for (const entry of entries) await reach(join(directory, `${entry}.d.ts`), found)
  await remove(directory, (file) => file.endsWith(".d.ts") && !found.has(file))
}
