/** The package as the registry would get it, from what is built. */
import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const run = promisify(execFile)

export const repository = fileURLToPath(new URL("../..", import.meta.url))

export interface Tarball {
  readonly file: string
  /** Its files' paths, from the package's root. */
  readonly paths: ReadonlyArray<string>
}

export const pack = async (directory: string): Promise<Tarball> => {
  const args = ["pack", "--ignore-scripts", "--json", "--pack-destination", directory]
  const { stdout } = await run("npm", args, { cwd: repository, maxBuffer: 16 << 20 })
  const [{ filename, files }] = JSON.parse(stdout)
  return { file: join(directory, filename), paths: files.map(({ path }: { path: string }) => path) }
}

export const readManifest = async () => JSON.parse(await readFile(join(repository, "package.json"), "utf8"))
