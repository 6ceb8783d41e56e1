/** What Node's types do not tell of WebAssembly: https://webassembly.github.io/spec/js-api/ */
export type Module = WebAssembly.Module

interface WebAssemblyApi {
  instantiate: (bytes: Uint8Array, imports: object) => Promise<unknown>
  readonly Module: new (bytes: Uint8Array) => Module
  readonly Instance: new <Exports extends object>(module: Module, imports: object) => { readonly exports: Exports }
}

declare const WebAssembly: WebAssemblyApi

export const webAssembly: WebAssemblyApi = WebAssembly
