/** Where attributes cannot be had, nothing is lost: it stands in a file beside the layer, and one warning says so. */
import { existsSync, lstatSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { archiveAttributes, attribute, besideOf, outline } from "../../support/diskTree.ts"
import { apply, device, dir, emptyRoot, file, link, symlink, thrown } from "../../support/entries.ts"
import { withNative } from "../../support/withNative.ts"

const entries = [
  dir("d", { uid: 1 }),
  file("d/f", "x", { mode: 0o4755, xattrs: new Map([["user.a\xff", Uint8Array.of(1, 255)]]) }),
  symlink("l", "d"),
  link("h", "d/f"),
  device("null", 1, 3)
]

const lines = (root: string): ReadonlyArray<unknown> =>
  readFileSync(`${root}.stat`, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))

const whole = [
  { path: "", stat: "0:0:040755" },
  { path: "d", stat: "1:0:040755" },
  { path: "d/f", stat: "0:0:0104755", attributes: [{ name64: "dXNlci5h/w==", value64: "Af8=" }] },
  { path: "h", link: "d/f" },
  { path: "null", stat: "0:0:020666", device: [1, 3] }
]

test.each(["ENOTSUP", "EPERM", "ENOSYS"])("where attributes end in %s, the stats are kept beside the layer", (code) => {
  const root = emptyRoot()
  const warnings = withNative({ setAttribute: () => code }, () => apply(root, entries))
  expect(lines(root)).toEqual(whole)
  expect(warnings).toMatchObject([{ _tag: "Warning", code: "AttributesUnsupported", digest: "sha256:0123" }])
})

test("without a native module, owners and modes are kept in the stat file", () => {
  const root = emptyRoot()
  const warnings = withNative(
    { setAttribute: undefined, setLinkAttribute: undefined, setTimes: undefined, setLinkTimes: undefined },
    () => apply(root, [...entries, file("t", "", { mtime: { seconds: 9, nanos: 123_456_000 } })])
  )
  expect(lines(root).slice(0, -1)).toEqual(whole)
  expect(warnings.map(({ code }) => code)).toEqual(["AttributesUnsupported"])
  expect(lstatSync(join(root, "t"), { bigint: true }).mtimeNs / 1000n).toBe(9_123_456n)
})

test("a layer with nothing to say has no file beside it", () => {
  const root = emptyRoot()
  apply(root, entries, { ownership: "none" })
  expect(existsSync(`${root}.stat`)).toBe(false)
  expect(attribute(root, "user.containers.override_stat")).toBeUndefined()
  expect(outline(root)).toContain("null = ")
})

test("an attribute that does not fit is kept beside the layer, and is not a full disk", () => {
  const root = emptyRoot()
  const value = Buffer.alloc(60_000, "x")
  const refusing = (_fd: number, _path: unknown, name: string) => (name === "user.big" ? "ENOSPC" : undefined)
  const warnings = withNative({ setAttribute: refusing }, () =>
    apply(root, [file("f", "x", { xattrs: new Map([["user.big", value]]) })])
  )
  expect(warnings.map(({ code }) => code)).toEqual(["AttributeTooLarge"])
  expect(archiveAttributes(root, "f")).toEqual({ "user.big": value.toString() })
  expect(besideOf(root, "f")).toMatchObject({ stat: "0:0:0100644" })
})

test("any other refusal of an attribute fails with its code", () => {
  const error = thrown(() => withNative({ setAttribute: () => "EIO" }, () => apply(emptyRoot(), [file("f")])))
  expect(error).toMatchObject({ _tag: "FileSystemFailed", operation: "setxattr", code: "EIO" })
})

test("what a lower layer said of a path that is gone is void", () => {
  const root = emptyRoot()
  withNative({ setAttribute: () => "ENOTSUP" }, () => {
    apply(root, [dir("d", { uid: 1 }), file("d/f", "x")], { layout: "rootfs" })
    apply(root, [file(".wh.d")], { layout: "rootfs" })
  })
  expect(lines(root).at(-1)).toEqual({ path: "d", removed: true })
})

test("a stale file beside a fresh layer is not continued", () => {
  const root = emptyRoot()
  for (const uid of [1, 2]) apply(root, [symlink("l", "x", { uid })])
  expect(lines(root).at(-1)).toEqual({ path: "l", stat: "2:0:0120777" })
})
