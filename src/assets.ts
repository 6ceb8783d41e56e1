/**
 * The files that are no modules of the library: the extraction worker, and SQLite in WebAssembly. They are looked for beside
 * this module, in the form that bundlers know; the options `worker` and `wasm` say where else. See docs/bundling.md.
 */
import { dirname, join } from "node:path"
import { Worker, type WorkerOptions } from "node:worker_threads"

export interface AssetOptions {
  readonly worker?: string | undefined
  readonly wasm?: string | undefined
}

const given: { worker?: string; wasm?: string } = {}

/** For the whole process, whose engine is compiled once. */
export const useAssets = ({ worker, wasm }: AssetOptions): void => {
  if (worker !== undefined) given.worker = worker
  if (wasm !== undefined) given.wasm = wasm
}

/** Of a bundle in CommonJS, which has no `import.meta`. */
declare const __dirname: string | undefined

/** `undefined`: it is where `import.meta.url` says. From the sources, which Node 20 cannot run, the build's. */
const elsewhere = (name: string): string | undefined => {
  const here: string | undefined = import.meta.url
  if (here === undefined) return join(typeof __dirname === "string" ? __dirname : ".", name)
  return here.endsWith(".ts") ? join(dirname(import.meta.dirname), "dist", name) : undefined
}

export const startWorker = (options: WorkerOptions): Worker => {
  const path = given.worker ?? elsewhere("ociflow-worker.js")
  return path === undefined
    ? new Worker(new URL("./ociflow-worker.js", import.meta.url), options)
    : new Worker(path, options)
}

export const sqliteWasm = (): string | URL =>
  given.wasm ?? elsewhere("ociflow-sqlite.wasm") ?? new URL("./ociflow-sqlite.wasm", import.meta.url)

/** What is said where one is not there. */
export const assetMissing = (option: keyof AssetOptions, file: string | URL): string =>
  `there is no file ${file}. Bundlers leave it out: copy it there, or set the option ${option} (docs/bundling.md)`
