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
  expect(runtime.get("Puller.ts")).not.toContain("makePuller.ts")
  expect(eventually.get("Puller.ts")).toContain("makePuller.ts")
})

/** Ways from a file to itself, whatever is imported: values, types, what is loaded later. */
const cyclesIn = (ways: typeof runtime): ReadonlyArray<string> =>
  [...ways.keys()].filter((file) => reachable(ways, file).has(file)).toSorted()

test("no file imports itself, however long the way, and be it for a type", () => {
  expect(cyclesIn(imports("static", "type", "dynamic"))).toEqual([])
})

test("the law of cycles sees one of types alone", () => {
  expect(
    cyclesIn(
      new Map([
        ["a.ts", ["b.ts"]],
        ["b.ts", ["a.ts", "c.ts"]],
        ["c.ts", []]
      ])
    )
  ).toEqual(["a.ts", "b.ts"])
})

/** Top folders and files from the bottom up: each imports what stands on a line before its own. */
const order = [
  ["api"],
  ["progress", "schema"],
  ["seams", "assets.ts", "packageVersion.ts"],
  ["reactive"],
  ["pulls"],
  ["remote"],
  ["fs"],
  ["image"],
  ["registry", "layer", "store"],
  ["source", "erofs"],
  ["signatures"],
  ["pull", "serve"],
  ["read"],
  ["stages"],
  ["export", "bundle"],
  ["reading.ts"],
  ["makePuller.ts", "makeRuntime.ts"],
  ["Puller.ts"],
  ["logins.ts"],
  ["login.ts"],
  ["client.ts", "registry.ts", "streams.ts"],
  ["index.ts", "cli"]
]
const rankOf = (file: string) => {
  const [top = ""] = file.split("/")
  return order.findIndex((line) => line.includes(top))
}

/** What the options are made of: the table of layouts, and the gate of `entries$`. */
const exceptions: ReadonlyArray<string> = [
  "api/config/client.ts -> layer/layout/layouts.ts",
  "api/options/client.ts -> layer/layout/layouts.ts",
  "api/config/client.ts -> layer/layout/overlay.ts",
  "api/config/calls.ts -> reactive/Gate.ts"
]

const topOf = (file: string) => file.split("/")[0]

test("imports between the top folders run one way, be they of types", () => {
  const wrong: Array<string> = []
  for (const file of files) {
    // `ociflow/testing` is a package of its own, which takes next to nothing from the library.
    if (topOf(file) === "testing") continue
    expect(rankOf(file), `${file} has its place in the order`).toBeGreaterThanOrEqual(0)
    for (const { from } of importsOf(file))
      if (text.has(from) && topOf(from) !== topOf(file) && rankOf(from) >= rankOf(file))
        wrong.push(`${file} -> ${from}`)
  }
  expect([...new Set(wrong)].toSorted()).toEqual(exceptions.toSorted())
})

test("ociflow/testing takes from the library what is in api, and nothing takes from it", () => {
  for (const file of files)
    for (const { from } of importsOf(file)) {
      if (!text.has(from)) continue
      if (topOf(file) === "testing") expect(["testing", "api"], `${file} imports ${from}`).toContain(topOf(from))
      else expect(topOf(from), `${file} imports ${from}`).not.toBe("testing")
    }
})

/** Files that a folder may hold; declarations and folders do not count. */
const mostFiles = 12
/** With the files that they hold. */
const largerFolders: Readonly<Record<string, number>> = {}

test("a folder has so many files at most, and those that have more are known", () => {
  const counts = new Map<string, number>()
  for (const file of files) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1)
  const larger = [...counts].filter(([, count]) => count > mostFiles)
  expect(Object.fromEntries(larger)).toEqual(largerFolders)
})

/** Code without its comments. */
const codeOf = (source: string) => source.replace(/\/\*.*?\*\//gs, "").replace(/^\s*\/\/.*$/gm, "")

/** Modules that no package exports for others, private fields, and what belongs to the whole process. */
const internals = [
  /["'](?:@[\w-]+\/)?[\w.-]+\/(?:lib|internal|src|build)\/[^"']*["']/,
  /\b\w+\??\._(?!tag\b)[a-z]\w*/i,
  /\bglobalThis\b/,
  /\b(?:process\.binding|internalBinding)\b/,
  /\.prototype\.\w+ =[^=]/
]
const internalsIn = (source: string) => internals.flatMap((pattern) => pattern.exec(codeOf(source))?.[0] ?? [])

test("no file outside seams reaches into a dependency's inside", () => {
  for (const file of files) if (topOf(file) !== "seams") expect(internalsIn(text.get(file) ?? ""), file).toEqual([])
})

test.for([
  'import Client from "undici/lib/dispatcher/client.js"',
  'import { tap } from "rxjs/internal/operators/tap"',
  "handle._handle.writeSync(0)",
  "stream._readableState.length",
  "globalThis.fetch = undefined",
  "Socket.prototype.read = read"
])("the law of seams sees %s", (line) => {
  expect(internalsIn(line)).not.toEqual([])
  expect(internalsIn(`// ${line}`)).toEqual([])
})

test("each seam is pinned by a test that imports it", () => {
  const tests = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => readFileSync(join(import.meta.dirname, file), "utf8"))
  for (const file of files)
    if (topOf(file) === "seams")
      expect(
        tests.some((source) => source.includes(`src/${file}"`)),
        file
      ).toBe(true)
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
  for (const heavy of ["undici", "sql.js", "effect/Schema", "effect/Stream", "tar-stream", "minizlib", "effect/sql"]) {
    expect([...loaded].filter((it) => it === heavy || it.startsWith(`${heavy}/`))).toEqual([])
  }
})

test("ociflow/stages loads neither Effect's runtime nor network nor catalogue", () => {
  const loaded = [...loadedBy("stages/index.ts")]
  for (const heavy of ["undici", "sql.js", "effect/Schema", "effect/Fiber", "effect/Layer"])
    expect(loaded.filter((it) => it === heavy || it.startsWith(`${heavy}/`))).toEqual([])
})

test("only ociflow/schema hands out codecs, and it loads neither network nor store nor pull", () => {
  const loaded = [...loadedBy("schema/index.ts")]
  expect(loaded).toContain("effect/Schema")
  for (const file of files)
    if (topOf(file) !== "schema")
      expect(
        (eventually.get(file) ?? []).filter((it) => it.startsWith("schema/")),
        file
      ).toEqual([])
  for (const heavy of ["undici", "sql.js", "rxjs", "node:http", "node:worker_threads"])
    expect(loaded.filter((it) => it === heavy || it.startsWith(`${heavy}/`))).toEqual([])
  expect(loaded.filter((it) => /^(?:registry|store|pull|source|read)\//.test(it))).toEqual([])
})

test("reading registries alone loads no store, no thread, no database and nothing native", () => {
  for (const file of ["registry.ts", "read/registry/makeRegistryReader.ts"]) {
    const loaded = [...loadedBy(file)]
    const stores = ["sql.js", "effect/sql", "node:worker_threads", "koffi", "fs-xattr", "minizlib", "zstddec"]
    for (const foreign of [...stores, "effect/Config", "effect/FileSystem", "effect/Stream"])
      expect(loaded.filter((it) => it === foreign || it.startsWith(`${foreign}/`))).toEqual([])
    expect(loaded).not.toContain("seams/native/koffi.ts")
    expect(loaded.filter((it) => it.startsWith("store/") || it.startsWith("layer/pool/"))).toEqual([])
  }
  expect([...loadedBy("registry.ts")]).not.toContain("undici")
  expect([...loadedBy("read/registry/makeRegistryReader.ts")]).toContain("registry/makeRegistry.ts")
})

test("the store is read without loading the network, and pulled into without streams", () => {
  const loaded = [...loadedBy("makePuller.ts")]
  for (const heavy of ["undici", "effect/Config", "effect/Stream", "streams.ts"]) expect(loaded).not.toContain(heavy)
})

test("a pull is loaded without what reads archives and writes disk images", () => {
  const loaded = [...loadedBy("makePuller.ts")]
  for (const reader of [
    "read/tree/treeOf.ts",
    "erofs/planErofs.ts",
    "export/tarOf.ts",
    "bundle/bundleOf.ts",
    "tar-stream"
  ])
    expect(loaded).not.toContain(reader)
  expect([...loadedBy("reading.ts")]).toEqual(expect.arrayContaining(["export/tarOf.ts", "tar-stream"]))
})

test("what checks signatures is loaded with the first rule, and Sigstore's packages with the first bundle", () => {
  for (const file of ["makePuller.ts", "read/registry/makeRegistryReader.ts"]) {
    const loaded = [...loadedBy(file)]
    expect(loaded).toContain("signatures/Signatures.ts")
    expect(loaded.filter((it) => /^signatures\/(?:check|gather|rules)/.test(it))).toEqual([])
  }
  for (const file of files) expect((runtime.get(file) ?? []).filter((it) => it.startsWith("@sigstore/"))).toEqual([])
  expect([...reachable(eventually, "signatures/checkImage.ts")]).toContain("@sigstore/verify")
})

test("the worker loads neither the network nor the catalogue", () => {
  const loaded = loadedBy("layer/worker/main.ts")
  for (const foreign of ["undici", "sql.js", "node:http", "node:https", "node:net", "node:tls"])
    expect([...loaded]).not.toContain(foreign)
})

const found = (file: string, pattern: RegExp) => text.get(file)?.match(pattern) ?? []

test("no file of the event loop calls the file system, or a program, synchronously", () => {
  // The second is loaded with the first job that needs it.
  const roots = ["layer/worker/main.ts", "layer/partial/extractPartial.ts"]
  const worker = new Set(roots.flatMap((root) => [root, ...loadedBy(root)]))
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
  const ours = /\binstanceof (?:PullError|AccessError|RefusedError)\b/
  expect("error instanceof TypeError".match(builtIn)).toEqual(["instanceof TypeError"])
  for (const file of files)
    expect(
      found(file, builtIn).filter((it) => !ours.test(it)),
      file
    ).toEqual([])
})
