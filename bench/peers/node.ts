/** What a Node program does today: undici for the network, a package for the archive. Each is a script of its own. */
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Peer } from "./Peer.ts"

const require = createRequire(import.meta.url)

const versionOfPackage = async (name: string): Promise<string | undefined> => {
  for (const parent of require.resolve.paths(name) ?? []) {
    const manifest = await readFile(join(parent, name, "package.json"), "utf8").catch(() => undefined)
    if (manifest !== undefined) return (JSON.parse(manifest) as { version: string }).version
  }
  return undefined
}

const scripts = dirname(fileURLToPath(import.meta.url))

const script = (name: string, file: string, library: string, how: string): Peer => ({
  name,
  how,
  version: () => versionOfPackage(library),
  zstd: false,
  command: ({ registry, image, out }) => ({
    argv: [process.execPath, join(scripts, file), `http://${registry}`, image, out]
  })
})

export const nodeTar: Peer = script(
  "undici + node-tar (sync)",
  "node-tar.mjs",
  "tar",
  "download to files and hash, then tar.x with sync, layer by layer"
)
export const tarFs: Peer = script(
  "undici + zlib + tar-fs",
  "tar-fs.mjs",
  "tar-fs",
  "one stream per layer, all at once: hash, gunzip, tar-fs; without devices (refused)"
)
export const modernTar: Peer = script(
  "undici + modern-tar",
  "modern-tar.mjs",
  "modern-tar",
  "one stream per layer, all at once: hash, gunzip, unpackTar; without devices and absolute links (refused)"
)
