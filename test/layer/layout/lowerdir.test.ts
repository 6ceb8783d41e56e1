import { expect, test } from "vitest"
import { lowerdir } from "../../../src/layer/layout/lowerdir.ts"

test("the topmost layer comes first", () => {
  expect(lowerdir(["/l/1", "/l/2", "/l/3"])).toBe("/l/3:/l/2:/l/1")
})

test("what overlayfs would read as a separator is escaped", () => {
  expect(lowerdir(["/l/sha256:ab", "/a,b", "/c\\d"])).toBe("/c\\\\d:/a\\,b:/l/sha256\\:ab")
})

test("an image is taken as it was pulled", () => {
  expect(lowerdir({ layers: [{ path: "/l/1" }, { path: "/l/2" }] })).toBe("/l/2:/l/1")
})

test("a layer that is repeated stands once, where it is topmost", () => {
  expect(lowerdir(["/a", "/b", "/a", "/c"])).toBe("/c:/a:/b")
})
