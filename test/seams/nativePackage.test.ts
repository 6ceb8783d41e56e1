import { expect, test } from "vitest"
import { importNative, requireNative } from "../../src/seams/nativePackage.ts"

test("a package that is installed is found, and one that is not fails with Node's code", async () => {
  expect(requireNative("sql.js")).toBeTypeOf("function")
  expect(await importNative("sql.js")).toHaveProperty("default")
  expect(() => requireNative("no-such-package-here")).toThrow(expect.objectContaining({ code: "MODULE_NOT_FOUND" }))
  await expect(importNative("no-such-package-here")).rejects.toThrow("no-such-package-here")
})
