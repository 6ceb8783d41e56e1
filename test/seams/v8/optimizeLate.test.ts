import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { cachedDataVersionTag } from "node:v8"
import { describe, expect, test } from "vitest"
import { optimizeLate } from "../../../src/seams/v8/optimizeLate.ts"
import { bundled } from "../../support/bundled.ts"

const usual = cachedDataVersionTag()

const run = async (program: string, ...flags: ReadonlyArray<string>) =>
  (await promisify(execFile)(process.execPath, [...flags, await bundled(program)])).stdout

test("what is compiled has a flag of its own, which is the process's own again in the same turn", () => {
  expect(optimizeLate(cachedDataVersionTag)).not.toBe(usual)
  expect(cachedDataVersionTag()).toBe(usual)
})

test("the flag is as it was after a compilation that fails within another one", () => {
  const fails = () => {
    throw new Error("no module")
  }
  expect(() => optimizeLate(() => optimizeLate(fails))).toThrow("no module")
  expect(cachedDataVersionTag()).toBe(usual)
})

test.each([[], ["--wasm-tiering-budget=4711"], ["--wasm_tiering_budget=4711"], ["--liftoff-only"]])(
  "the flag is as the process was told: %s",
  async (...flags) => {
    const program = `
      import { cachedDataVersionTag } from "node:v8"
      import { optimizeLate } from "./src/seams/v8/optimizeLate.ts"
      const before = cachedDataVersionTag()
      const meanwhile = optimizeLate(cachedDataVersionTag)
      console.log(meanwhile === before ? "unchanged" : "changed", cachedDataVersionTag() === before)`
    expect(await run(program, ...flags)).toBe("changed true\n")
  }
)

test("another thread changes nothing: it could take a changed flag for the usual one", async () => {
  const program = `
    import { cachedDataVersionTag } from "node:v8"
    import { Worker, isMainThread } from "node:worker_threads"
    import { optimizeLate } from "./src/seams/v8/optimizeLate.ts"
    const usual = cachedDataVersionTag()
    if (isMainThread) new Worker(process.argv[1]).on("exit", () => console.log("main", cachedDataVersionTag() === usual))
    else console.log(optimizeLate(cachedDataVersionTag) === usual)`
  expect(await run(program)).toBe("true\nmain true\n")
})

describe("in a pull", () => {
  test("SQLite and undici's parser are compiled so, and nothing else", async () => {
    const program = `
      import { mkdtemp, rm } from "node:fs/promises"
      import { tmpdir } from "node:os"
      import { join } from "node:path"
      import { cachedDataVersionTag } from "node:v8"
      import { open } from "./src/index.ts"
      import { randomImage, startRegistry } from "./src/testing/index.ts"
      const usual = cachedDataVersionTag()
      const found = new Set()
      const { Module } = WebAssembly
      WebAssembly.Module = class extends Module {
        constructor(bytes) {
          super(bytes)
          found.add((bytes.length > 2 ** 18 ? "SQLite" : "parser") + (cachedDataVersionTag() === usual ? " at once" : " late"))
        }
      }
      await using registry = await startRegistry({ images: { "app:1": await randomImage({ seed: 1 }) } })
      const root = await mkdtemp(join(tmpdir(), "ociflow-late-"))
      {
        await using oci = await open({ root })
        await oci.pull(registry.reference("app:1"))
      }
      await rm(root, { recursive: true })
      console.log([...found].sort().join(), cachedDataVersionTag() === usual)`
    expect(await run(program)).toBe("SQLite late,parser late true\n")
  })
})
