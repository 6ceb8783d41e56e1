import { expect, test } from "vitest"
import { instantiateZstd, loadZstd } from "../../src/seams/zstdModule.ts"

test("the module is taken from zstddec, and what was replaced for that is as before", () => {
  const { fetch } = globalThis
  const wasm: unknown = Reflect.get(globalThis, "WebAssembly")
  const instantiate: unknown = Reflect.get(Object(wasm), "instantiate")
  const module = loadZstd()
  expect(globalThis.fetch).toBe(fetch)
  expect(Reflect.get(Object(wasm), "instantiate")).toBe(instantiate)
  expect(loadZstd()).toBe(module)
  const exports = instantiateZstd(module)
  for (const name of ["malloc", "free", "ZSTD_createDCtx", "ZSTD_freeDCtx", "ZSTD_decompressStream"])
    expect(Reflect.get(exports, name), name).toBeTypeOf("function")
  expect(exports.ZSTD_createDCtx()).toBeGreaterThan(0)
})
