/**
 * Keeps V8's optimizer from the WebAssembly of this thread: undici's parser and SQLite's interpreter. Each is one function of
 * some 30 KB, nearly all one loop, and each turn of it counts as that much work: a few hundred answers, or statements, and V8
 * takes half a second of CPU and 40 MB for it. zstd, whose loops are short and long at work, is compiled by the workers.
 *
 * V8 reads the flag while it compiles a module, and so modules are compiled at once: where functions are compiled when they are
 * called first, that takes some milliseconds.
 */
import { types } from "node:util"
import { setFlagsFromString } from "node:v8"

interface Compiled {
  readonly module: object
  readonly instance: object
}

/** Node's types know no more of it than its name. */
declare const WebAssembly: {
  instantiate: (source: Uint8Array | object, imports?: object) => Promise<Compiled | object>
  Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports?: object) => object
}

/** To be called before anything is compiled, once. */
export const neverOptimized = (): void => {
  const { Module, Instance, instantiate } = WebAssembly
  setFlagsFromString("--no-wasm-tier-up")
  const compile = (bytes: Uint8Array): object => {
    setFlagsFromString("--no-wasm-dynamic-tiering")
    try {
      return new Module(bytes)
    } finally {
      setFlagsFromString("--wasm-dynamic-tiering")
    }
  }
  WebAssembly.Module = new Proxy(Module, { construct: (_, [bytes]) => compile(bytes) })
  WebAssembly.instantiate = async (source, imports) => {
    if (!types.isUint8Array(source)) return instantiate(source, imports)
    const module = compile(source)
    return { module, instance: new Instance(module, imports) }
  }
}
