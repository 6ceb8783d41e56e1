/** Apart from the assets, which need threads: who reads registries needs none. */
import { readFile } from "node:fs/promises"

/** The package's version; `undefined` if a program was bundled with the library in it, whose own manifest may be there. */
export const packageVersion = async (): Promise<string | undefined> => {
  try {
    const manifest = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"))
    const { name, version } = manifest as { readonly name: unknown; readonly version: unknown }
    const isOurs = name === "ociflow" && typeof version === "string" && /^[0-9A-Za-z.+-]+$/.test(version)
    return isOurs ? version : undefined
  } catch {
    return undefined
  }
}
