/**
 * After the compiler: puts what it wrote into few files. Finding and compiling some 300 modules takes longer than most of
 * their work. The two programs, the command line and the extraction worker, hold all that they import. The library holds
 * its own modules alone: a program that imports it must share its `effect` and its `rxjs`.
 */
import { copyFile, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { type BuildOptions, build, type Plugin } from "esbuild"
import { inLoadOrder } from "./loadOrder.ts"
import { removeModules, removeUnreachable } from "./removeUnreachable.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const cli = join(root, "dist/cli")
const worker = join(root, "dist/ociflow-worker.js")
const engine = join(root, "dist/ociflow-engine.js")
const library = [
  "index",
  "progress/index",
  "registry",
  "remote/index",
  "schema/index",
  "serve/index",
  "stages/index",
  "streams",
  "testing/index"
]

/** rxjs gives Node its CommonJS, of which all has to be taken; of its modules only what is used. */
const rxjs: Plugin = {
  name: "rxjs",
  setup: ({ onResolve }) => {
    onResolve({ filter: /^rxjs(\/|$)/ }, ({ path }) => {
      const name = path.split("/").slice(1).join("/") || "index"
      return { path: join(root, "node_modules/rxjs/dist/esm", `${name}.js`), sideEffects: false }
    })
  }
}

/** The modules of rxjs that make up what a program sees of it: its classes, its settings, its clocks. */
const isShared = (module: string) =>
  /^(?:(?:Async|Behavior|Replay)?Subject|Observable|Subscriber|Subscription|config|symbol\/.*|scheduler\/.*|util\/\w+Error)$/.test(
    module
  )

/**
 * Node has all 200 modules of rxjs loaded for any one of them. The library holds the operators that it uses, which work on any
 * observable; what they work on, its classes, is what the program has.
 */
const operators: Plugin = {
  name: "operators",
  setup: async ({ onLoad, onResolve }) => {
    const modules = join(root, "node_modules/rxjs/dist/esm")
    const moduleOf = new Map<string, string>()
    for (const [, names = "", module = ""] of (await readFile(join(modules, "index.js"), "utf8")).matchAll(
      /export \{ (.+) \} from '\.\/(.+)'/g
    ))
      for (const name of names.split(", ")) moduleOf.set(name, module)
    // Through the barrel, whoever imports one name would be given a chunk with what all others import.
    onLoad({ filter: /[/\\]src[/\\].*\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace(/^import \{([^}]+)\} from "rxjs"$/gm, (_, names: string) =>
        names
          .split(",")
          .map((name) => name.trim())
          .filter((name) => name !== "" && !name.startsWith("type "))
          .map((name) => `import { ${name} } from "rxjs/${moduleOf.get(name)}";`)
          .join(" ")
      ),
      loader: "ts"
    }))
    onResolve({ filter: /^(?:\.|rxjs\/internal\/)/ }, ({ path, resolveDir }) => {
      const file = path.startsWith(".") ? join(resolveDir, path) : join(modules, path.slice("rxjs/".length))
      if (!file.startsWith(modules)) return undefined
      const module = relative(join(modules, "internal"), file)
      return isShared(module)
        ? { path: `rxjs/internal/${module}`, external: true, sideEffects: false }
        : { path: `${file}.js`, sideEffects: false }
    })
  }
}

/** What sql.js and tar-stream ask of Node by `require`, imported, so that another bundler does not meet `require`. */
const builtins: Plugin = {
  name: "builtins",
  setup: ({ onLoad, onResolve }) => {
    onResolve({ filter: /^(node:)?(fs|path|crypto)$/ }, ({ path, kind }) =>
      kind === "require-call" ? { path: path.replace("node:", ""), namespace: "builtin" } : undefined
    )
    onLoad({ filter: /./, namespace: "builtin" }, ({ path }) => ({
      contents: `export * from "node:${path}"; export { default } from "node:${path}"`
    }))
    // A class, which is the module itself.
    onResolve({ filter: /^(node:)?events$/ }, ({ kind }) =>
      kind === "require-call" ? { path: "events", namespace: "class" } : undefined
    )
    onLoad({ filter: /./, namespace: "class" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule("node:${path}")`
    }))
  }
}

/** Never spoken, since it is never offered; Node takes 10 ms to load its part of it. In the command line nothing else waits for the event loop, so undici is loaded at once. */
const withoutHttp2: Plugin = {
  name: "without HTTP/2",
  setup: ({ onLoad }) => {
    onLoad({ filter: /\/undici\/lib\/dispatcher\/client-h2\.js$/ }, () => ({
      contents: 'module.exports = () => { throw new Error("HTTP/2 is not spoken") }'
    }))
    onLoad({ filter: /\/src\/seams\/undici\/loadClient\.ts$/ }, () => ({
      contents: 'export const loadClient = () => import("./GuardedClient.ts")',
      resolveDir: join(root, "src/seams/undici")
    }))
  }
}

/** The command line stands one directory deeper than the files beside `assets`. */
const assets: Plugin = {
  name: "assets",
  setup: ({ onLoad }) => {
    onLoad({ filter: /src\/(?:assets|packageVersion)\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace(
        /"(\.\.?\/)(ociflow-|package\.json)/g,
        (_, up, name) => `"../${up === "./" ? "" : up}${name}`
      ),
      loader: "ts"
    }))
  }
}

/** What the library imports is what the program has, but for what is not a dependency of the package: that is put in. */
const dependencies: Plugin = {
  name: "dependencies",
  setup: async ({ onResolve }) => {
    const { dependencies, optionalDependencies, peerDependencies } = JSON.parse(
      await readFile(join(root, "package.json"), "utf8")
    )
    const known = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })
    onResolve({ filter: /^[^./]/ }, ({ path }) =>
      known.some((name) => path === name || path.startsWith(`${name}/`)) ? { path, external: true } : undefined
    )
  }
}

/** SQLite's module is a file of its own, `path` from the modules that load it. */
const engineAt = (path: string): Plugin => ({
  name: "engine",
  setup: ({ onResolve }) => {
    onResolve({ filter: /\/engine\.ts$/ }, ({ kind }) =>
      kind === "entry-point" ? undefined : { path, external: true }
    )
  }
})

const common: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  plugins: [rxjs, builtins, assets],
  // Native, or found by path as they run.
  external: ["fs-native-extensions", "fs-xattr", "koffi"],
  // Packages of the older kind ask for Node's modules by `require`.
  banner: {
    js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);'
  },
  // What is read at each start is read sooner; names stay, so that stacks can be read.
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: "none",
  metafile: true,
  logLevel: "warning"
}

/** sql.js joins it with the name of a file that it is never left to read. */
const directory = { js: 'const __dirname = "", __filename = "";' }

/** Chunks stand beside the entry: what is found by a path relative to a module is looked for there. */
const split: BuildOptions = { splitting: true, chunkNames: "[name]-[hash]" }

const commandLine: BuildOptions = {
  ...common,
  ...split,
  entryPoints: ["src/cli/main.ts"],
  outdir: cli,
  plugins: [rxjs, builtins, withoutHttp2, assets, engineAt("../ociflow-engine.js")]
}
const modules: BuildOptions = {
  ...common,
  ...split,
  // What finds files stands in a chunk of its own: ncc rewrites it there, and not among much else.
  entryPoints: [...library, "assets"].map((it) => `src/${it}.ts`),
  outdir: join(root, "dist"),
  plugins: [operators, dependencies, builtins, engineAt("./ociflow-engine.js")],
  banner: {},
  minifyWhitespace: false
}

const puller = { entry: "src/makePuller.ts", exports: { "src/makePuller.ts": "makePuller" } }
/** The program itself waits for what it imports dynamically, so nothing of that can wait for the program. */
const program = { entry: "src/cli/program.ts", exports: { "src/cli/run.ts": "run", "src/Puller.ts": "Puller" } }
/** Those beside it may stand where there is no Node, and load nothing dynamically. */
const index = {
  entry: "src/index.ts",
  exports: { "src/index.ts": "open" },
  beside: ["src/progress/index.ts", "src/remote/index.ts", "src/schema/index.ts"]
}

// What the compiler wrote is replaced: of it the declarations stay.
await removeModules(join(root, "dist"))
const built = await Promise.all([
  inLoadOrder(commandLine, [program, puller]).then(build),
  inLoadOrder(modules, [index, puller]).then(build),
  build({ ...common, entryPoints: ["src/layer/worker/main.ts"], outfile: worker }),
  build({ ...common, entryPoints: ["src/store/database/engine.ts"], outfile: engine, banner: directory })
])
await copyFile(join(root, "node_modules/sql.js/dist/sql-wasm.wasm"), join(root, "dist/ociflow-sqlite.wasm"))
await rm(join(root, "dist/assets.js"))
await removeUnreachable(join(root, "dist"), library)

/** `node_modules/name` or `node_modules/@scope/name`, nested ones too. */
const packageOf = (input: string) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1]

const packages = new Set(built.flatMap(({ metafile }) => Object.keys(metafile?.inputs ?? {}).map(packageOf)))
const notices: Array<string> = []
for (const each of [...packages].filter((it) => it !== undefined).sort()) {
  const directory = join(root, each)
  const { name, version, license } = JSON.parse(await readFile(join(directory, "package.json"), "utf8"))
  const file = (await readdir(directory)).find((entry) => /^licen[cs]e/i.test(entry))
  const text = file === undefined ? "" : await readFile(join(directory, file), "utf8")
  notices.push(`${name} ${version}, ${typeof license === "string" ? license : "see below"}\n\n${text.trim()}\n`)
}
await writeFile(join(dirname(cli), "third-party-licenses.txt"), notices.join(`\n${"-".repeat(80)}\n\n`))
