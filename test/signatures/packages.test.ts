/** Which of Sigstore's packages these tests ran with: those of the repository, or with `SIGSTORE_FROM` the current ones. */
import { readFile, realpath } from "node:fs/promises"
import { createRequire } from "node:module"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { expect, test } from "vitest"
import { loadBundle, loadProtobufSpecs, loadTuf, loadVerify } from "../../src/signatures/check/packages.ts"

const home = fileURLToPath(new URL("../..", import.meta.url))
const read = async (path: string) => JSON.parse(await readFile(path, "utf8"))

test("Sigstore's packages come from where they were asked for, in a version that is allowed", async () => {
  const from = process.env.SIGSTORE_FROM
  const modules = await realpath(join(from ?? home, "node_modules"))
  await Effect.runPromise(Effect.all([loadBundle, loadVerify, loadTuf, loadProtobufSpecs]))
  const loaded = Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes("/@sigstore/"))
  expect(loaded.filter((path) => !path.startsWith(modules))).toEqual([])
  const { peerDependencies } = await read(join(home, "package.json"))
  const names = Object.keys(peerDependencies).filter((name) => name.startsWith("@sigstore/") && !name.endsWith("/mock"))
  for (const name of names) {
    expect(
      loaded.some((path) => path.includes(`/${name}/`)),
      name
    ).toBe(true)
    const { version } = await read(join(modules, name, "package.json"))
    const ranges: ReadonlyArray<string> = peerDependencies[name].split(" || ")
    const fits = (range: string) => version.split(".")[0] === range.slice(1).split(".")[0]
    expect(from === undefined ? ranges.some(fits) : fits(ranges.at(-1) ?? ""), `${name} ${version}`).toBe(true)
  }
})
