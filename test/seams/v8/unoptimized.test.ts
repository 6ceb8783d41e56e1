import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { cachedDataVersionTag } from "node:v8"
import { describe, expect, test } from "vitest"
import { spareAll, unoptimized, unoptimizedMeanwhile } from "../../../src/seams/v8/unoptimized.ts"
import { bundled } from "../../support/bundled.ts"

const usual = cachedDataVersionTag()

describe("what is compiled at once", () => {
  test("has a flag of its own, which is the process's own again in the same turn", () => {
    expect(unoptimized(cachedDataVersionTag)).not.toBe(usual)
    expect(cachedDataVersionTag()).toBe(usual)
  })

  test("may fail, or be compiled for something else that is compiled", () => {
    const fails = () => {
      throw new Error("no module")
    }
    expect(() => unoptimized(() => unoptimized(fails))).toThrow("no module")
    expect(cachedDataVersionTag()).toBe(usual)
  })

  test("leaves the flag as the process was told", async () => {
    const program = await bundled(`
      import { cachedDataVersionTag } from "node:v8"
      import { unoptimized } from "./src/seams/v8/unoptimized.ts"
      const before = cachedDataVersionTag()
      const meanwhile = unoptimized(cachedDataVersionTag)
      console.log(meanwhile === before ? "unchanged" : "changed", cachedDataVersionTag() === before)`)
    for (const told of [[], ["--wasm-tiering-budget=4711"], ["--wasm_tiering_budget=4711"], ["--liftoff-only"]]) {
      const { stdout } = await promisify(execFile)(process.execPath, [...told, program])
      expect(stdout, told.join()).toBe("changed true\n")
    }
  })
})

describe("what is compiled meanwhile", () => {
  const tags: Array<number> = []
  const compile = async (result: Promise<unknown>) => {
    tags.push(cachedDataVersionTag())
    await result
  }

  test("is nobody's business in a program that has ociflow for a library", async () => {
    await unoptimizedMeanwhile(() => compile(Promise.resolve()))
    expect(tags).toEqual([usual])
  })

  test("has the flag until all of it is compiled, in a program of its own", async () => {
    spareAll()
    tags.length = 0
    const first = unoptimizedMeanwhile(() => compile(Promise.resolve()))
    const second = unoptimizedMeanwhile(() => compile(Promise.reject(new Error("no module"))))
    unoptimized(() => {})
    expect(cachedDataVersionTag()).not.toBe(usual)
    await first
    await expect(second).rejects.toThrow("no module")
    expect(tags).not.toContain(usual)
    expect(cachedDataVersionTag()).toBe(usual)
  })
})
