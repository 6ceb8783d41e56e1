import { expect, test } from "vitest"
import { webAssembly } from "../../src/seams/webAssembly.ts"

/** `(module (func (export "two") (result i32) (i32.const 2)))` */
const two = "0061736d010000000105016000017f0302010007070103 74776f00000a0601040041020b".replaceAll(" ", "")

test("a module is compiled and instantiated synchronously, and a broken one throws", () => {
  const module = new webAssembly.Module(Buffer.from(two, "hex"))
  const { exports } = new webAssembly.Instance<{ readonly two: () => number }>(module, {})
  expect(exports.two()).toBe(2)
  expect(() => new webAssembly.Module(Buffer.from(two.slice(0, -2), "hex"))).toThrow("WebAssembly.Module()")
})
