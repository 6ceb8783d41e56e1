/** The rules of the house, as laws over the sources' own imports. */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { expect, test } from "vitest"

const src = join(import.meta.dirname, "../src")
const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => /(?<!\.d)\.ts$/.test(file))
const text = new Map(files.map((file) => [file, readFileSync(join(src, file), "utf8")]))

interface Import {
  readonly from: string
  readonly typeOnly: boolean
}

const importsOf = (file: string): ReadonlyArray<Import> =>
  [...(text.get(file) ?? "").matchAll(/^(import|export) (type )?([^;"']*?from )?"([^"]+)"/gms)].map((match) => ({
    from: (match[4] ?? "").startsWith(".") ? relative(src, join(src, dirname(file), match[4] ?? "")) : (match[4] ?? ""),
    typeOnly: match[2] !== undefined
  }))

const runtime = new Map(
  files.map((file) => [
    file,
    importsOf(file)
      .filter((it) => !it.typeOnly)
      .map((it) => it.from)
  ])
)

/** Everything that loading `file` loads, dynamic imports aside. */
const loadedBy = (file: string, seen = new Set<string>()): Set<string> => {
  for (const next of runtime.get(file) ?? []) {
    if (seen.has(next)) continue
    seen.add(next)
    loadedBy(next, seen)
  }
  return seen
}

test("the reader of imports sees what is there", () => {
  expect(files.length).toBeGreaterThan(20)
  expect(runtime.get("pull.ts")).toContain("layer/ExtractionPool.ts")
})

test("no file imports itself, however long the way", () => {
  for (const file of files) expect([...loadedBy(file)], file).not.toContain(file)
})

test("arrows run one way: registry, layer and store know nothing of each other", () => {
  const siblings = ["registry", "layer", "store"]
  for (const file of files) {
    const folder = file.split("/")[0] ?? ""
    const beneath = folder === "reference" || folder === "reactive"
    const others = beneath ? siblings : siblings.includes(folder) ? siblings.filter((it) => it !== folder) : []
    for (const { from } of importsOf(file)) {
      expect(
        others.some((other) => from.startsWith(`${other}/`)),
        `${file} imports ${from}`
      ).toBe(false)
    }
  }
})

test("Effect is imported by module path, never by its barrel", () => {
  for (const file of files) for (const { from } of importsOf(file)) expect(from, file).not.toBe("effect")
})

test("importing the library loads neither network nor catalogue nor schemas", () => {
  const loaded = loadedBy("index.ts")
  for (const heavy of ["undici", "sql.js", "effect/Schema", "tar-stream", "minizlib", "effect/sql"]) {
    expect([...loaded].filter((it) => it === heavy || it.startsWith(`${heavy}/`))).toEqual([])
  }
})

test("the store is read without loading the network", () => {
  expect([...loadedBy("assemble.ts")]).not.toContain("undici")
})

test("the worker loads neither the network nor the catalogue", () => {
  const loaded = loadedBy("layer/extract.ts")
  for (const foreign of ["undici", "sql.js", "node:http", "node:https", "node:net", "node:tls"])
    expect([...loaded]).not.toContain(foreign)
})

test("no file of the event loop calls the file system synchronously", () => {
  const worker = loadedBy("layer/extract.ts").add("layer/extract.ts")
  for (const file of files) {
    if (worker.has(file) || file.startsWith("testing/")) continue
    expect(
      text
        .get(file)
        ?.match(
          /\b(?:open|read|write|mkdir|stat|lstat|rename|rm|unlink|exists|readdir|realpath|chmod|utimes|fsync|close)(?:File)?Sync\b/g
        ),
      file
    ).toBeNull()
  }
})
