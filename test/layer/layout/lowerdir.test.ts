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

const digest = `sha256:${"a".repeat(64)}`

test.each([
  `/l/${digest}.extracted`,
  `/l/${digest}.chown.extracted`,
  `C:\\l\\${digest.replace(":", "_")}.none.extracted`
])("refuses an image whose layers are no lower directories: %s", (path) => {
  const layers = [{ path: `/l/${digest}.overlay-user.extracted` }, { path }]
  expect(() => lowerdir({ reference: "r.test/app:1", layers })).toThrow(
    /^r.test\/app:1: option `layout` must be `overlay` .* Pull the image with it$/
  )
  expect(lowerdir(layers.map(({ path }) => path))).not.toBe("")
})

test("takes the layers of every kind of overlay, and a merged tree", () => {
  const paths = [
    `/l/${digest}.none-overlay-user.extracted`,
    `/l/${digest}.overlay-trusted.extracted`,
    `/l/${digest}.rootfs`
  ]
  expect(lowerdir({ layers: paths.map((path) => ({ path })) }).split(/(?<!\\):/)).toHaveLength(3)
})
