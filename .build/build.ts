/**
 * `npm run build`: compiles src and bundles it into dist. Nothing is done if both are as the last build left them: each of
 * `npm test`, `npm run demo` and `npm run bench` builds first.
 */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const stamp = join(root, "node_modules/.cache/ociflow/build")
const inputs = [".build", "package-lock.json", "package.json", "src", "tsconfig.json"]

const filesIn = (path: string): ReadonlyArray<string> => {
  const found = statSync(join(root, path), { throwIfNoEntry: false })
  if (found === undefined) return []
  if (!found.isDirectory()) return [path]
  return readdirSync(join(root, path))
    .sort()
    .flatMap((name) => filesIn(join(path, name)))
}

/** Of names and contents. */
const hashOf = (paths: ReadonlyArray<string>): string => {
  const hash = createHash("sha256")
  for (const path of paths.flatMap(filesIn)) hash.update(`${path}\0`).update(readFileSync(join(root, path)))
  return hash.digest("hex")
}

const state = () => `${process.version} ${hashOf(inputs)} ${hashOf(["dist"])}`

const last = statSync(stamp, { throwIfNoEntry: false }) && readFileSync(stamp, "utf8")
if (last !== state()) {
  rmSync(stamp, { force: true })
  const compiler = join(root, "node_modules/typescript/bin/tsc")
  const { status } = spawnSync(process.execPath, [compiler, "-p", root], { stdio: "inherit" })
  if (status !== 0) process.exit(status ?? 1)
  await import("./bundle.ts")
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, state())
}
