/** The packed package in new projects, with the lowest and the highest Effect that it says it works with. */
import { execFile } from "node:child_process"
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { image, startRegistry, type TestRegistry } from "../../src/testing/index.ts"
import { pack, readManifest, repository, type Tarball } from "../package/tarball.ts"

const run = promisify(execFile)

let home: string
let tarball: Tarball
let registry: TestRegistry

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "ociflow-installed-"))
  tarball = await pack(home)
  const layers = [{ files: { "etc/motd": "one\n" } }, { files: { "etc/issue": "two\n" } }]
  registry = await startRegistry({ images: { "app:1": await image({ layers }) } })
}, 120_000)

// Two projects with all that they install.
afterAll(async () => {
  await registry.close()
  await rm(home, { recursive: true, maxRetries: 3 })
}, 120_000)

const { peerDependencies } = await readManifest()
const range: string = peerDependencies.effect
const lowest = range.replace(/^\^/, "")

/** An application of somebody who uses Effect, and one who does not. */
const application = `
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { open, Puller, pull, type PullError, type PulledImage } from "ociflow"

const [reference = ""] = process.argv.slice(2)
const program: Effect.Effect<PulledImage, PullError, Puller> = pull(reference)
const both = Effect.all([program, Effect.flip(pull(reference + "-not"))], { concurrency: 2 }).pipe(
  Effect.catchReason("PullError", "RateLimited", (reason) => Effect.die(reason.advice)),
  Effect.provide(Layer.mergeAll(Puller.layer({ root: "./effect" })))
)
const [image, error] = await Effect.runPromise(both)
const oci = await open({ root: "./promise" })
const again = await oci.pull(reference)
await oci.close()
console.log(JSON.stringify({ layers: image.layers.length, reason: error.reason._tag, same: again.digest === image.digest }))
`

const compilerOptions = {
  target: "es2023",
  lib: ["es2023", "esnext.disposable"],
  module: "nodenext",
  types: ["node"],
  typeRoots: [join(repository, "node_modules/@types")],
  strict: true,
  skipLibCheck: true
}

const install = async (name: string, ...packages: ReadonlyArray<string>) => {
  const cwd = join(home, name)
  await mkdir(cwd)
  await writeFile(join(cwd, "package.json"), JSON.stringify({ private: true, type: "module" }))
  await run("npm", ["install", "--silent", "--no-audit", "--no-fund", tarball.file, ...packages], { cwd })
  return cwd
}

const listed = async (cwd: string) => {
  const { stdout } = await run("npm", ["ls", "--all", "--parseable"], { cwd })
  const paths = stdout.trim().split("\n").slice(1)
  return [...new Set(paths.map((path) => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length)))]
}

const outcome = { layers: 2, reason: "ManifestNotFound", same: true }

describe.each([`effect@${lowest}`, `effect@${range}`])("an application with %s", (effect) => {
  test("shares its Effect with ociflow, and compiles, pulls and reads an error", async () => {
    const cwd = await install(effect.replace(/\W/g, "-"), effect)
    const copies = (await readdir(join(cwd, "node_modules"), { recursive: true })).filter((it) =>
      /(^|\/)effect\/package\.json$/.test(it)
    )
    expect(copies).toEqual(["effect/package.json"])
    await writeFile(join(cwd, "application.ts"), application)
    await writeFile(join(cwd, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["application.ts"] }))
    await run(join(repository, "node_modules/.bin/tsc"), ["-p", "."], { cwd })
    const { stdout, stderr } = await run(process.execPath, ["application.js", registry.reference("app:1")], { cwd })
    expect(stderr).toBe("")
    expect(JSON.parse(stdout)).toEqual(outcome)
  })
})

describe("a project that names ociflow alone", () => {
  test("gets the packages that docs/installing.md lists, and works without the optional ones", async () => {
    const cwd = await install("alone")
    const page = await readFile(join(repository, "docs/installing.md"), "utf8")
    const packages = await listed(cwd)
    expect(page).toContain(`${packages.length} packages`)
    for (const name of packages) {
      const written = name.replace(/^bare-.*/, "bare-…").replace(/^(@koromix\/koffi-).*/, "$1…")
      expect(page).toContain(`\`${written}\``)
    }
    await run("npm", ["prune", "--omit=optional"], { cwd })
    expect(await listed(cwd)).not.toContain("koffi")
    await writeFile(join(cwd, "application.ts"), application)
    const { code } = await (await import("esbuild")).transform(application, { loader: "ts" })
    await writeFile(join(cwd, "application.js"), code)
    const { stdout, stderr } = await run(process.execPath, ["application.js", registry.reference("app:1")], { cwd })
    expect(stderr).toBe("")
    // Warnings come first: what is kept of owners and times without them.
    expect(stdout).toContain("WARN")
    expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toEqual(outcome)
  })
})
