import { readdir, readFile, rm } from "node:fs/promises"
import { join, sep } from "node:path"

const specifiers = /(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]+)"/g

/** The modules and declarations that `file` leads to, itself among them. */
const reach = async (file: string, found: Set<string>): Promise<void> => {
  if (found.has(file)) return
  found.add(file)
  const ending = file.endsWith(".d.ts") ? ".d.ts" : ".js"
  for (const [, specifier = ""] of (await readFile(file, "utf8")).matchAll(specifiers)) {
    await reach(join(file, "..", specifier.replace(/\.[jt]s$/, ending)), found)
  }
}

/**
 * Removes the modules and declarations of a directory that none of the entries leads to. `kept` are files and
 * directories that are found by their path.
 */
export const removeUnreachable = async (
  directory: string,
  entries: ReadonlyArray<string>,
  kept: ReadonlyArray<string>
) => {
  const found = new Set<string>()
  for (const entry of entries) {
    await reach(join(directory, `${entry}.js`), found)
    await reach(join(directory, `${entry}.d.ts`), found)
  }
  const isKept = (file: string) => kept.some((it) => file === it || file.startsWith(it + sep))
  for (const name of await readdir(directory, { recursive: true })) {
    const file = join(directory, name)
    if (/\.(js|d\.ts)$/.test(name) && !isKept(file) && !found.has(file)) await rm(file)
  }
}
