/**
 * Fewer chunks. esbuild puts modules into one chunk if the same entries lead to them, and each `import()` makes an entry. So what
 * is always loaded together comes in dozens of small files, and Node takes some 0.3 ms for each. But whatever is
 * imported dynamically comes later than the module that asks for it. Here each such module is made to import what has been
 * loaded by then, so it no longer sets apart what it shares with that.
 */
import { join, relative } from "node:path"
import { type BuildOptions, build, type Plugin } from "esbuild"

/** What is loaded with one module. Paths are relative to the root. */
export interface Loaded {
  readonly entry: string
  /** Modules that it imports, or itself, each with one of its exports. Together they import all that `entry` does. */
  readonly exports: Readonly<Record<string, string>>
  /** Entries that may load other modules without `entry`. Default: all. */
  readonly beside?: ReadonlyArray<string>
}

type Graph = ReadonlyMap<string, ReadonlyArray<{ readonly path: string; readonly kind: string }>>

const graphOf = async (options: BuildOptions): Promise<Graph> => {
  const { metafile } = await build({ ...options, write: false, metafile: true })
  return new Map(
    Object.entries(metafile.inputs).map(([path, { imports }]) => [path, imports.filter((it) => it.external !== true)])
  )
}

/** The modules that are loaded sooner or later, if `barred` never is. */
const reach = (graph: Graph, from: ReadonlyArray<string>, barred: string): ReadonlySet<string> => {
  const found = new Set<string>()
  const visit = (path: string) => {
    if (path === barred || found.has(path)) return
    found.add(path)
    for (const next of graph.get(path) ?? []) visit(next.path)
  }
  from.forEach(visit)
  return found
}

/** A plugin for the same build. It leaves packages alone: what they export as `default` would be lost. */
const importFirst = (root: string, before: ReadonlyMap<string, ReadonlyArray<string>>): Plugin => ({
  name: "import first",
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^\./ }, ({ path, resolveDir, kind }) => {
      const file = join(resolveDir, path)
      const known = kind === "dynamic-import" && before.has(relative(root, file))
      return known ? { path: file, namespace: "import first" } : undefined
    })
    onLoad({ filter: /./, namespace: "import first" }, ({ path }) => ({
      contents: [`export * from ${JSON.stringify(path)}`, ...(before.get(relative(root, path)) ?? [])].join("\n"),
      resolveDir: root
    }))
  }
})

export const inLoadOrder = async (options: BuildOptions, all: ReadonlyArray<Loaded>): Promise<BuildOptions> => {
  const { absWorkingDir: root = "", plugins = [] } = options
  const graph = await graphOf(options)
  const imports = [...graph.values()].flat().filter(({ kind }) => kind === "dynamic-import")
  const dynamic = new Set(imports.map(({ path }) => path).filter((path) => path.startsWith("src/")))
  const before = new Map<string, Array<string>>()
  for (const { entry, exports, beside = options.entryPoints as ReadonlyArray<string> } of all) {
    const without = reach(graph, beside, entry)
    // An import for its effects alone would be removed: the package says that it has none.
    const lines = Object.entries(exports).map(
      ([path, name]) => `export { ${name} as ${name}Before } from ${JSON.stringify(join(root, path))}`
    )
    for (const path of dynamic)
      if (path !== entry && !without.has(path)) before.set(path, [...(before.get(path) ?? []), ...lines])
  }
  return { ...options, plugins: [importFirst(root, before), ...plugins] }
}
