import { createRequire } from "node:module"
import * as Effect from "effect/Effect"
import { expect } from "vitest"
import { loadModule, scarcity } from "../../src/fs/loadModule.ts"
import { it } from "../support/effect.ts"

const system = (code: string) => Object.assign(new Error(`${code}: it went wrong, open '/x.js'`), { code })
const dlopen = (words: string) => Object.assign(new Error(`/x.node: ${words}`), { code: "ERR_DLOPEN_FAILED" })

it.effect("a module that cannot be opened for want of something is a reason, and says of what", () =>
  Effect.gen(function* () {
    const shortages: ReadonlyArray<readonly [Error, string]> = [
      [system("EMFILE"), "EMFILE"],
      [system("ENFILE"), "ENFILE"],
      [dlopen("cannot open shared object file: Too many open files"), "EMFILE"],
      [dlopen("cannot open shared object file: Too many open files in system"), "ENFILE"],
      [dlopen("failed to map segment from shared object: Cannot allocate memory"), "ENOMEM"]
    ]
    for (const [error, code] of shortages) {
      const reason = yield* Effect.flip(loadModule("the catalogue", () => Promise.reject(error)))
      expect(reason).toMatchObject({ _tag: "FileSystemFailed", operation: "load", path: "the catalogue", code })
    }
  })
)

it.effect("a module that is not there, or that a bundler left out, is a reason, and says which", () =>
  Effect.gen(function* () {
    const esm = Object.assign(new Error("Cannot find package 'sql.js' imported from /x.js"), {
      code: "ERR_MODULE_NOT_FOUND"
    })
    const missing = yield* Effect.flip(
      loadModule("the engine", () => import(/* @vite-ignore */ new URL("none.js", import.meta.url).href))
    )
    expect(missing).toMatchObject({ _tag: "ModuleMissing", module: "the engine" })
    const require = createRequire(import.meta.url)
    const cjs = yield* Effect.flip(loadModule("the engine", async () => require("no-such-package")))
    expect(cjs).toMatchObject({ _tag: "ModuleMissing", problem: "Cannot find module 'no-such-package'" })
    for (const error of [esm, new Error('Dynamic require of "sql.js" is not supported')])
      expect(yield* Effect.flip(loadModule("the engine", () => Promise.reject(error)))).toMatchObject({
        _tag: "ModuleMissing",
        problem: error.message
      })
  })
)

it.effect("any other failure is a fault of the program", () =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(loadModule("the catalogue", () => Promise.reject(system("ENOENT"))))
    expect(String(exit)).toContain("Die")
    expect(scarcity(dlopen("invalid ELF header"))).toBeUndefined()
  })
)
