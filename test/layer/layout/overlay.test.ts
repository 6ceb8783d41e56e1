/** What the layout `overlay` does where attributes cannot be set. Mounts of it are in `test/interop/layer/overlay.test.ts`. */
import { lstatSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { apply, dir, emptyRoot, file, thrown } from "../../support/entries.ts"
import { withNative } from "../../support/withNative.ts"

const without = { setAttribute: undefined, makeNode: undefined }
const overlay = { layout: "overlay", overlayAttributes: "user" } as const

test("a whiteout needs no package: mknod(1) makes it", () => {
  const root = emptyRoot()
  withNative(without, () => apply(root, [file("a/.wh.b"), file("c", "x")], overlay))
  expect(lstatSync(join(root, "a/b")).rdev).toBe(0)
  expect(lstatSync(join(root, "a/b")).isCharacterDevice()).toBe(true)
})

test.each([
  ["a directory that is opaque", [dir("d"), file("d/.wh..wh..opq"), file("d/f", "x")], "opaque"],
  ["a directory in place of what lower layers have", [file("d/f", "x"), file(".wh.d")], "opaque"]
])("%s needs an attribute: what is missing is named, and how to get it", (_, entries, attribute) => {
  const error = thrown(() => withNative(without, () => apply(emptyRoot(), entries, overlay)))
  expect(error).toMatchObject({ _tag: "ModuleMissing", module: "koffi" })
  expect(String(error)).toMatch(new RegExp(`layout overlay needs.*fs-xattr.*overlay\\.${attribute}.*npm install koffi`))
})

test("so does a whiteout where the system makes no device nodes", () => {
  const error = thrown(() =>
    withNative({ setAttribute: undefined, makeNode: () => "EPERM" }, () =>
      apply(emptyRoot(), [file("a/.wh.b")], overlay)
    )
  )
  expect(String(error)).toMatch(/koffi.*overlay\.whiteout/)
})

test("a system that refuses the attribute is told of with its own code", () => {
  const error = thrown(() =>
    withNative({ setAttribute: () => "EPERM" }, () => apply(emptyRoot(), [dir("d"), file("d/.wh..wh..opq")], overlay))
  )
  expect(error).toMatchObject({ _tag: "FileSystemFailed", code: "EPERM" })
})
