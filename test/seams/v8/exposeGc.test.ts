import { cachedDataVersionTag, setFlagsFromString } from "node:v8"
import { afterEach, expect, test } from "vitest"
import { exposeGc } from "../../../src/seams/v8/exposeGc.ts"

const { gc } = globalThis
afterEach(() => {
  globalThis.gc = gc
})

test("a process that runs has the collector, which takes the options of `countRead`", () => {
  exposeGc()
  expect(globalThis.gc).toBeTypeOf("function")
  expect(() => globalThis.gc?.({ type: "minor", execution: "sync" })).not.toThrow()
})

test("the process's flags are as they were: others would have Node compile its own modules anew", () => {
  setFlagsFromString("--no-expose-gc")
  const usual = cachedDataVersionTag()
  exposeGc()
  expect(cachedDataVersionTag()).toBe(usual)
})
