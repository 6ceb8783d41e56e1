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
