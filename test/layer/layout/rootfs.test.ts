/** All layers in one directory: whiteouts and opaque markers hide lower layers, and nothing but lower layers. */
import { lstatSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { attributes, outline, statOf } from "../../support/diskTree.ts"
import { apply, dir, emptyRoot, file, symlink, type TestEntry } from "../../support/entries.ts"
import { lowerLayer, mergeCases, whiteoutCases } from "../../support/layerMerges.ts"

const merge = (...layers: ReadonlyArray<ReadonlyArray<TestEntry>>): string => {
  const root = emptyRoot()
  for (const layer of layers) apply(root, layer, { layout: "rootfs" })
  return root
}

test.each(Object.entries({ ...whiteoutCases, ...mergeCases }))("%s", (_, [upper, expected]) => {
  expect(outline(merge(lowerLayer, upper))).toEqual(expected)
})

test("three layers: what the second hid stays hidden, what the third brings is there", () => {
  const root = merge(lowerLayer, [file(".wh.d")], [file("d/third", "6")])
  expect(outline(root)).toEqual(["d/", "d/third = 6", "f = 4", "l -> d"])
})

test("a link of a lower layer leads an upper layer nowhere but into the root", () => {
  const root = merge([symlink("out", "../../../.."), symlink("abs", "/")], [file("out/a", "1"), file("abs/b", "2")])
  expect(outline(root)).toEqual(["a = 1", "abs -> /", "b = 2", "out -> ../../../.."])
})

test("a directory that only lower layers describe keeps its stat and its time", () => {
  const then = { mtime: { seconds: 1_000_000, nanos: 0 } }
  const root = merge(
    [dir(".", { mode: 0o711, ...then }), dir("d", { uid: 9, mode: 0o700, ...then })],
    [file("d/x", "1")],
    [dir("e"), file(".wh.nothing")]
  )
  expect([statOf(root, ""), statOf(root, "d")]).toEqual(["0:0:040711", "9:0:040700"])
  expect([root, join(root, "d")].map((path) => lstatSync(path).mtimeMs)).toEqual([1e9, 1e9])
})

test("a directory that an upper layer describes is as that says, and keeps what is in it", () => {
  const root = merge([file("d/x", "1")], [dir("d", { uid: 3, mode: 0o750, mtime: { seconds: 7, nanos: 0 } })])
  expect(outline(root)).toEqual(["d/", "d/x = 1"])
  expect(statOf(root, "d")).toBe("3:0:040750")
  expect(lstatSync(join(root, "d")).mtimeMs).toBe(7000)
})

test("a directory that is described anew has the attributes of the last entry, and no others", () => {
  const xattrs = (...names: ReadonlyArray<string>) => new Map(names.map((name) => [name, Buffer.from("x")] as const))
  const root = merge(
    [dir(".", { xattrs: xattrs("user.a") }), dir("d", { xattrs: xattrs("user.a", "user.b") }), dir("e/f")],
    [dir("."), dir("d", { uid: 3, xattrs: xattrs("user.b", "user.c") }), file("e/g", "1")]
  )
  const names = (path: string) => Object.keys(attributes(join(root, path)) ?? {}).sort()
  const stat = "user.containers.override_stat"
  expect([names(""), names("d"), names("e")]).toEqual([[stat], ["user.b", "user.c", stat].sort(), [stat]])
  expect(statOf(root, "d")).toBe("3:0:040755")
})
