/** Every ```ts block of the README and of docs/ is type-checked and run, as a program of somebody who installed us. */
import { execFile } from "node:child_process"
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { image, imageIndex, startRegistry, type TestRegistry, tar } from "../../src/testing/index.ts"

const repository = fileURLToPath(new URL("../..", import.meta.url))
const run = promisify(execFile)

interface Block {
  readonly page: string
  readonly name: string
  readonly code: string
}

/** A block is named after its page and its line there. */
const blocksOf = (page: string, text: string): ReadonlyArray<Block> =>
  [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => {
    const line = text.slice(0, match.index).split("\n").length
    return { page, name: `${page.replace(/\W+/g, "-")}-${line}.mts`, code: match[1] ?? "" }
  })

const pages = [
  "README.md",
  ...(await readdir(join(repository, "docs"))).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)
]
const blocks = (
  await Promise.all(pages.map(async (page) => blocksOf(page, await readFile(join(repository, page), "utf8"))))
).flat()

const blocksOfPage = (page: string) => blocks.filter((block) => block.page === page)

/** Before what a block writes. */
const mark = (name: string) => `\n--- ${name}\n`

/**
 * Runs all blocks one after the other, each in a directory and with a store of its own. One process has them all: what each
 * imports takes longer than what most of them do.
 */
const runner = `
import { mkdtempSync, writeSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
const home = process.cwd()
for (const name of process.argv.slice(2)) {
  const directory = mkdtempSync(join(home, "run-"))
  process.chdir(directory)
  process.env.OCIFLOW_HOME = join(directory, "home")
  for (const output of [1, 2]) writeSync(output, "\\n--- " + name + "\\n")
  await import(pathToFileURL(join(home, name))).then(
    () => writeSync(1, "\\nended " + name + "\\n"),
    (error) => console.error(error)
  )
}
`

let home: string
let registry: TestRegistry
/** What the compiler says of them. */
let said: string
/** What they wrote, each after its mark. */
let written: { readonly stdout: string; readonly stderr: string }

/** The images that the pages speak of: small ones of the same names, for each platform that a page or this host may ask for. */
const stock = async () => {
  const layer = (name: string) =>
    tar().file("usr/lib/os-release", `NAME="${name}"\n`).symlink("etc/os-release", "../usr/lib/os-release")
  const both = async (name: string) =>
    imageIndex(
      await Promise.all(
        ["linux/amd64", "linux/arm64"].map((platform) =>
          image({ platform, layers: [layer(name), { files: { "srv/motd": `${name} for ${platform}\n` } }] })
        )
      )
    )
  const chart = await image({
    layers: [{ files: { "app/Chart.yaml": "name: app\n" } }],
    manifest: { artifactType: "application/vnd.cncf.helm.config.v1+json" }
  })
  return {
    "charts/app:1.2.3": chart,
    "alpine:3.20": await both("Alpine Linux"),
    "debian:12": await both("Debian GNU/Linux")
  }
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "ociflow-docs-"))
  registry = await startRegistry({ images: await stock() })
  await mkdir(join(home, "node_modules"))
  await symlink(repository, join(home, "node_modules", "ociflow"))
  for (const name of ["effect", "rxjs", "@types"]) {
    await symlink(join(repository, "node_modules", name), join(home, "node_modules", name))
  }
  await Promise.all(blocks.map(({ name, code }) => writeFile(join(home, name), code)))
  await writeFile(join(home, "run.mjs"), runner)
  const compilerOptions = {
    // `await using` is compiled: not every supported Node knows it.
    target: "es2023",
    lib: ["es2023", "esnext.disposable"],
    module: "nodenext",
    types: ["node"],
    strict: true,
    skipLibCheck: true
  }
  await writeFile(join(home, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.mts"] }))
  const compiler = join(repository, "node_modules", ".bin", "tsc")
  said = (await run(compiler, ["-p", "."], { cwd: home }).catch((error) => error)).stdout
  const programs = blocks.map(({ name }) => name.replace(/mts$/, "mjs"))
  // A name without a registry goes where the environment says, so the pages can say `alpine:3.20` as everybody does.
  written = await run(process.execPath, ["run.mjs", ...programs], {
    cwd: home,
    env: { ...process.env, OCI_REGISTRY_DOMAIN: registry.host },
    timeout: 400_000,
    maxBuffer: 2 ** 26
  }).catch((error) => error)
}, 480_000)

afterAll(async () => {
  await registry.close()
  await rm(home, { recursive: true })
})

describe("the code in the documentation", () => {
  test("is there", () => expect(blocks.length).toBeGreaterThan(5))

  test("has the types it seems to have", () => expect(said).toBe(""))

  test("ends by itself, and well", () => expect(written).not.toBeInstanceOf(Error))

  test.for(pages.filter((page) => blocksOfPage(page).length > 0))("each block of %s runs to its end", (page) => {
    for (const { name } of blocksOfPage(page)) {
      const program = name.replace(/mts$/, "mjs")
      const [stdout, stderr] = [written.stdout, written.stderr].map(
        (text) => text.split(mark(program))[1]?.split("\n--- ")[0]
      )
      expect(stderr, program).toBe("")
      expect(stdout?.split("\n")).toContain(`ended ${program}`)
    }
  })
})
