/**
 * The module that `zstddec` carries, without its class, which pulls its input, goes round for ever on broken bytes, and keeps
 * the window of a stream that nobody ends.
 */
import { ZSTDDecoder } from "zstddec/stream"
import { type Module, webAssembly } from "./webAssembly.ts"

/** What the module exports of zstd and of its allocator. Pointers and sizes are numbers of 32 bits. */
export interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly malloc: (bytes: number) => number
  readonly free: (pointer: number) => void
  readonly ZSTD_createDCtx: () => number
  readonly ZSTD_freeDCtx: (context: number) => number
  readonly ZSTD_decompressStream: (context: number, output: number, input: number) => number
}

/** Compiled, to be instantiated. */
export type { Module }

/**
 * `zstddec` hands its module on only as a promise, and an awaited compilation waits for all that V8's threads have in hand
 * before it: SQLite, at the start of a pull. So the bytes are taken where it would compile them. It takes them through
 * `fetch`, where there is one: that loads Node's HTTP client into each worker, 55 ms of CPU.
 */
const bytesOfModule = (): Uint8Array => {
  const { fetch } = globalThis
  const { instantiate } = webAssembly
  let found: Uint8Array | undefined
  Reflect.set(globalThis, "fetch", undefined)
  webAssembly.instantiate = (bytes) => {
    found = bytes
    return new Promise(() => {})
  }
  try {
    void new ZSTDDecoder().init()
  } finally {
    webAssembly.instantiate = instantiate
    Reflect.set(globalThis, "fetch", fetch)
  }
  if (found === undefined) throw new Error("zstddec hands on no module")
  return found
}

let compiled: Module | undefined

/** Compiles the module, once in a thread, some 10 ms: with the first layer that needs it. */
export const loadZstd = (): Module => {
  compiled ??= new webAssembly.Module(bytesOfModule())
  return compiled
}

export const instantiateZstd = (module: Module): Exports =>
  new webAssembly.Instance<Exports>(module, { env: { emscripten_notify_memory_growth: () => {} } }).exports
