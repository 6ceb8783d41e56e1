import { expect, test } from "vitest"
import { runtime } from "../../src/seams/runtime.ts"

test("the tests run in Node", () => {
  expect(runtime).toBe("node")
})
