import { expect, test } from "vitest"
import { requireNative } from "../../src/seams/nativePackage.ts"

test("a package that is installed is found, an ECMAScript module too; one that is not fails with Node's code", () => {
  expect(requireNative("sql.js")).toBeTypeOf("function")
  expect(requireNative("fs-xattr")).toHaveProperty("setAttributeSync")
  expect(() => requireNative("no-such-package-here")).toThrow(expect.objectContaining({ code: "MODULE_NOT_FOUND" }))
})
