import { expect, test } from "vitest"
import { requireNative } from "../../../src/seams/native/nativePackage.ts"

test("an installed package is found, an ECMAScript module too; a missing one fails with Node's code", () => {
  expect(requireNative("sql.js")).toBeTypeOf("function")
  expect(requireNative("fs-xattr")).toHaveProperty("setAttributeSync")
  expect(() => requireNative("no-such-package-here")).toThrow(expect.objectContaining({ code: "MODULE_NOT_FOUND" }))
})
