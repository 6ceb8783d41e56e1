/**
 * Programs for processes of their own, which import sources: each as one file of JavaScript. Under tsx a process finds and
 * compiles its modules for a second.
 */
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { build } from "esbuild"
import { inject } from "vitest"

const repository = join(import.meta.dirname, "../..")
const source = join(repository, "src")
const made = new Map<string, Promise<string>>()

const bundle = async (contents: string): Promise<string> => {
  const outfile = join(inject("programs"), `${process.pid}-${made.size}.mjs`)
  await build({
    stdin: { contents, resolveDir: repository, loader: "ts" },
    outfile,
    bundle: true,
    // `package.json` says that no module does anything but to export: these do.
    ignoreAnnotations: true,
    external: ["fs-native-extensions", "fs-xattr", "koffi", "sql.js"],
    platform: "node",
    target: "node20",
    format: "esm",
    // The worker and SQLite are where the sources look for them. Packages in CommonJS ask for Node's modules.
    define: {
      "import.meta.url": JSON.stringify(pathToFileURL(join(source, "index.ts"))),
      "import.meta.dirname": JSON.stringify(source)
    },
    banner: {
      js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(process.argv[1])'
    },
    logLevel: "warning"
  })
  return outfile
}

/** `contents`: TypeScript, whose relative imports are the repository's. Each is made once. */
export const bundled = (contents: string): Promise<string> => {
  const known = made.get(contents) ?? bundle(contents)
  made.set(contents, known)
  return known
}
