import { mkdtemp, readFile, rm } from "node:fs/promises"
import { builtinModules } from "node:module"
import { tmpdir } from "node:os"
import { join, posix } from "node:path"
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core"
import { publint } from "publint"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { pack, readManifest, repository, type Tarball } from "./tarball.ts"

let directory: string
let tarball: Tarball
let bytes: Uint8Array<ArrayBuffer>

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "ociflow-package-"))
  tarball = await pack(directory)
  bytes = new Uint8Array(await readFile(tarball.file))
}, 60_000)

afterAll(() => rm(directory, { recursive: true }))

const readShipped = (path: string) => readFile(join(repository, path), "utf8")

/** `name` or `@scope/name` of a module's path. */
const packageOf = (specifier: string) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? ""

const requests = /(?<![.\w])(?:from|import|require\d*|createRequire\d*\(import\.meta\.url\))\s*\(?\s*"([@a-z][^"\s]*)"/g

/** The packages that a module or a declaration asks for, at once or later. */
const packagesOf = (code: string): ReadonlyArray<string> =>
  [...code.matchAll(requests)]
    .map(([, specifier = ""]) => packageOf(specifier))
    .filter((name) => !name.startsWith("node:") && !builtinModules.includes(name))

/** What a page links to within the package, as paths from its root. */
const linksOf = (page: string, text: string): ReadonlyArray<string> =>
  [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)\s]*)?\)|\b(?:src|href)="([^"#]+)/g)]
    .map(([, markdown, html]) => markdown ?? html ?? "")
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => posix.join(posix.dirname(page), target))

describe("the packed package", () => {
  test("is one that publint has nothing to say of", async () => {
    const { messages } = await publint({ pack: { tarball: bytes.buffer }, strict: true })
    expect(messages).toEqual([])
  })

  test("has types that modules and bundlers resolve to what runs", async () => {
    const checked = await checkPackage(createPackageFromTarballData(bytes))
    if (!checked.types) throw new Error("no types")
    // A package of modules: no other kind of import is promised.
    const promised = checked.problems.filter((problem) => {
      const how = "resolutionKind" in problem ? problem.resolutionKind : "every"
      return how !== "node10" && how !== "node16-cjs"
    })
    expect(promised).toEqual([])
    expect(Object.keys(checked.entrypoints)).toEqual([
      ".",
      "./progress",
      "./registry",
      "./remote",
      "./schema",
      "./serve",
      "./stages",
      "./streams",
      "./testing",
      "./package.json"
    ])
  })

  test("holds all that its pages link to or show", async () => {
    const pages = tarball.paths.filter((path) => path.endsWith(".md"))
    expect(pages).toContain("README.md")
    const isThere = (target: string) => tarball.paths.some((path) => path === target || path.startsWith(`${target}/`))
    const missing = []
    for (const page of pages) {
      for (const target of linksOf(page, await readShipped(page)))
        if (!isThere(target)) missing.push(`${page}: ${target}`)
    }
    expect(missing).toEqual([])
  })

  test("holds no source maps, and no mention of one", async () => {
    expect(tarball.paths.filter((path) => path.endsWith(".map"))).toEqual([])
    for (const path of tarball.paths.filter((path) => path.endsWith(".js"))) {
      expect(await readShipped(path), path).not.toMatch(/^\/\/# sourceMappingURL/m)
    }
  })

  test("finds the worker and SQLite in a module that does nothing else, where ncc sees them", async () => {
    const found = []
    for (const path of tarball.paths.filter((path) => /^dist\/[^/]+\.js$/.test(path))) {
      const code = await readShipped(path)
      if (/new URL\("\.\/ociflow-/.test(code)) found.push(code.split("\n").length)
    }
    expect(found).toHaveLength(1)
    expect(found[0]).toBeLessThan(50)
  })

  test("depends on what its modules ask for, and on nothing else", async () => {
    const { dependencies, optionalDependencies, peerDependencies } = await readManifest()
    const given = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })
    const asked = new Set<string>()
    const named = new Set<string>()
    for (const path of tarball.paths.filter((path) => /^dist\/.*\.(js|d\.ts)$/.test(path))) {
      const code = await readShipped(path)
      for (const name of packagesOf(code)) asked.add(name)
      // Some are loaded by a function that is handed their name.
      for (const name of given) if (code.includes(`"${name}"`) || asked.has(name)) named.add(name)
    }
    expect([...asked].filter((name) => !given.includes(name))).toEqual([])
    expect(given.filter((name) => !named.has(name))).toEqual([])
  })
})
