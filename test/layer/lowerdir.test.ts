import { expect, test } from "vitest"
import { lowerdir } from "../../src/layer/lowerdir.ts"

test("the topmost layer comes first", () => {
  expect(lowerdir(["/l/1", "/l/2", "/l/3"])).toBe("/l/3:/l/2:/l/1")
})

test("what overlayfs would read as a separator is escaped", () => {
  expect(lowerdir(["/l/sha256:ab", "/a,b", "/c\\d"])).toBe("/c\\\\d:/a\\,b:/l/sha256\\:ab")
})
