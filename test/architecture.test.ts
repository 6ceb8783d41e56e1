/** The rules of the house, as laws over the sources' own imports. */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { expect, test } from "vitest"

const src = join(import.meta.dirname, "../src")
const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => /(?<!\.d)\.ts$/.test(file))
const text = new Map(files.map((file) => [file, readFileSync(join(src, file), "utf8")]))

interface Import {
  readonly from: string
  readonly kind: "static" | "type" | "dynamic"
}

const importsOf = (file: string): ReadonlyArray<Import> => {
  const source = text.get(file) ?? ""
  const resolved = (from = "") => (from.startsWith(".") ? relative(src, join(src, dirname(file), from)) : from)
  return [
    ...[...source.matchAll(/^(?:import|export) (type )?(?:[^;"']*?from )?"([^"]+)"/gms)].map(
      ([, type, from]) => ({ from: resolved(from), kind: type === undefined ? "static" : "type" }) as const
    ),
    ...[...source.matchAll(/(typeof )?\bimport\(\s*"([^"]+)"/g)].map(
      ([, type, from]) => ({ from: resolved(from), kind: type === undefined ? "dynamic" : "type" }) as const
    )
  ]
}

const imports = (...kinds: ReadonlyArray<Import["kind"]>): ReadonlyMap<string, ReadonlyArray<string>> =>
  new Map(
    files.map((file) => [
      file,
      importsOf(file)
        .filter((it) => kinds.includes(it.kind))
        .map((it) => it.from)
    ])
  )
const runtime = imports("static")
const eventually = imports("static", "dynamic")

const reachable = (ways: typeof runtime, file: string, seen = new Set<string>()): Set<string> => {
  for (const next of ways.get(file) ?? []) {
    if (seen.has(next)) continue
    seen.add(next)
    reachable(ways, next, seen)
  }
  return seen
}

/** Everything that loading `file` loads, dynamic imports aside. */
const loadedBy = (file: string) => reachable(runtime, file)

test("the reader of imports sees what is there", () => {
  expect(files.length).toBeGreaterThan(20)
  expect(runtime.get("pull/pull.ts")).toContain("layer/pool/ExtractionPool.ts")
  expect(runtime.get("Puller.ts")).not.toContain("pull/makePuller.ts")
  expect(eventually.get("Puller.ts")).toContain("pull/makePuller.ts")
})

test("no file imports itself, however long the way", () => {
  for (const file of files) expect([...loadedBy(file)], file).not.toContain(file)
})

test("no file imports itself by what is loaded later", () => {
  for (const file of files) expect([...reachable(eventually, file)], file).not.toContain(file)
})

test("no file imports itself by types", () => {
  const all = imports("static", "dynamic", "type")
  for (const file of files) expect([...reachable(all, file)], file).not.toContain(file)
})

test("a folder of the pull or the store has 12 files at most", () => {
  const folders = new Map<string, number>()
  for (const file of files) folders.set(dirname(file), (folders.get(dirname(file)) ?? 0) + 1)
  for (const [folder, count] of folders)
    if (/^(?:pull|store)(?:\/|$)/.test(folder)) expect(count, folder).toBeLessThanOrEqual(12)
})

test("arrows run one way: registry, layer and store know nothing of each other", () => {
  const siblings = ["registry", "layer", "store"]
  for (const file of files) {
    const folder = file.split("/")[0] ?? ""
    const beneath = folder === "image" || folder === "reactive"
    // Sources are made of registry, layer and store; none of these knows where an image may come from.
    if (beneath || siblings.includes(folder))
      for (const { from } of importsOf(file)) expect(from.startsWith("source/"), `${file} imports ${from}`).toBe(false)
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
  expect([...loadedBy("pull/makePuller.ts")]).not.toContain("undici")
})

test("the worker loads neither the network nor the catalogue", () => {
  const loaded = loadedBy("layer/worker/extract.ts")
  for (const foreign of ["undici", "sql.js", "node:http", "node:https", "node:net", "node:tls"])
    expect([...loaded]).not.toContain(foreign)
})

const found = (file: string, pattern: RegExp) => text.get(file)?.match(pattern) ?? []

test("no file of the event loop calls the file system, or a program, synchronously", () => {
  const worker = loadedBy("layer/worker/extract.ts").add("layer/worker/extract.ts")
  const synchronous = /\b[a-z]\w*Sync\b/g
  expect(found("fs/removeTree.ts", synchronous)).toContain("readdirSync")
  for (const file of files)
    if (!worker.has(file) && !file.startsWith("testing/")) expect(found(file, synchronous), file).toEqual([])
})

test("time and chance come from Effect's Clock and Random", () => {
  for (const file of files)
    if (!/^(?:testing|cli)\//.test(file))
      expect(found(file, /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b/g), file).toEqual([])
})

test("no value is tested by instanceof of a built-in class, which fails for another realm", () => {
  const builtIn =
    /\binstanceof (?:\w*Error|(?:Big)?(?:U?[Ii]nt|Float)\d+(?:Clamped)?Array|(?:Shared)?ArrayBuffer|Array|Buffer|DataView|Date|Map|Object|Promise|RegExp|Set|URL|AbortSignal)\b/g
  const ours = /\binstanceof (?:PullError|AccessError)\b/
  expect("error instanceof TypeError".match(builtIn)).toEqual(["instanceof TypeError"])
  for (const file of files)
    expect(
      found(file, builtIn).filter((it) => !ours.test(it)),
      file
    ).toEqual([])
})
