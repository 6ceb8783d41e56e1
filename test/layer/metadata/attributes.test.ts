/** What of an archive's attributes reaches the system. */
import { expect, test } from "vitest"
import type { Ownership } from "../../../src/api/config.ts"
import type { Native } from "../../../src/seams/native/koffi.ts"
import { besideOf } from "../../support/diskTree.ts"
import { apply, dir, emptyRoot, file, link, symlink, type TestEntry, thrown } from "../../support/entries.ts"
import { withNative } from "../../support/withNative.ts"

const own = process.getuid?.() ?? 0
const group = process.getgid?.() ?? 0
const stat = "user.containers.override_stat"

const reserved = [
  stat,
  `${stat}\0x`,
  "user.rootlesscontainers",
  "user.overlay.opaque",
  "trusted.overlay.redirect",
  "user.fuseoverlayfs.override_stat",
  "security.fuseoverlayfs.opaque",
  "user.a\0b"
]
const xattrs = new Map(
  ["user.a", "user.overlayish", "security.capability", "trusted.x", "security.selinux", ...reserved].map((name) => [
    name,
    Buffer.from("v")
  ])
)

/** The names that are set on a file, in order, and the codes of the warnings. */
const setBy = (ownership: Ownership, answer: (name: string) => string | undefined = () => undefined) => {
  const names: Array<string> = []
  const setAttribute: Native["setAttribute"] = (_fd, _path, name) => {
    names.push(name)
    return answer(name)
  }
  const root = emptyRoot()
  const warnings = withNative({ setAttribute }, () =>
    apply(root, [file("f", "x", { xattrs, uid: own, gid: group })], { ownership, layout: "rootfs" })
  )
  return {
    root,
    names: names.filter((_, index) => ownership !== "xattr" || index > 0),
    codes: warnings.map((it) => it.code)
  }
}

test("user attributes are set once, and names that are ours or the kernel's never", () => {
  const kept = ["user.a", "user.overlayish"]
  for (const ownership of ["xattr", "none"] as const) {
    const names = setBy(ownership).names.filter((name) => name.startsWith("user.") || name.includes("overlay"))
    expect(names).toEqual(ownership === "xattr" ? [stat, ...kept] : kept)
  }
})

test("one attribute that is refused takes no other with it", () => {
  const { root, names, codes } = setBy("xattr", (name) => (name === "user.a" ? "E2BIG" : undefined))
  expect(names).toEqual(expect.arrayContaining([stat, "user.a", "user.overlayish"]))
  expect(codes).toContain("AttributeTooLarge")
  expect(besideOf(root, "f")).toMatchObject({ attributes: [{ name: "user.a" }] })
})

test("attributes that an entry of a hard link has are not the inode's", () => {
  const names: Array<string> = []
  const setAttribute: Native["setAttribute"] = (_fd, _path, name) => {
    names.push(name)
    return undefined
  }
  withNative({ setAttribute }, () => apply(emptyRoot(), [file("f"), link("h", "f", { xattrs })], { ownership: "none" }))
  expect(names).toEqual([])
})

test("a symbolic link gets no user attributes", () => {
  const names: Array<string> = []
  const setLinkAttribute: Native["setLinkAttribute"] = (_path, name) => {
    names.push(name)
    return undefined
  }
  withNative({ setLinkAttribute }, () => apply(emptyRoot(), [symlink("l", "x", { xattrs })], { ownership: "none" }))
  expect(names).toEqual([])
})

const nonsense = (name: string) => `its attribute ${JSON.stringify(name)} is invalid (EINVAL)`
const named = (name: string, value = "v") => new Map([[name, Buffer.from(value, "latin1")]])

test.runIf(process.platform === "linux").each<readonly [string, TestEntry]>([
  ["of a file", file("x", "", { xattrs: named("user.") })],
  ["of a directory", dir("x", { xattrs: named("user.") })],
  ["of a device", file("x", "", { type: "fifo", xattrs: named("user.") })]
])("an attribute without a name, %s, is the archive's fault and not the disk's", (_, entry) => {
  expect(thrown(() => apply(emptyRoot(), [dir("before"), entry]))).toMatchObject({
    _tag: "UnsafeEntry",
    path: "x",
    problem: nonsense("user.")
  })
})

test.runIf(process.platform === "linux" && own === 0).each<readonly [string, TestEntry]>([
  ["a capability of one byte", file("x", "", { xattrs: named("security.capability", "\x01") })],
  ["a capability of an unknown version", file("x", "", { xattrs: named("security.capability", "\0".repeat(20)) })],
  ["a capability of one byte, of a directory,", dir("x", { xattrs: named("security.capability", "\x01") })],
  ["an access list that is cut", file("x", "", { xattrs: named("system.posix_acl_access", "\x02\0\0\0\x01") })],
  ["a trusted attribute without a name", symlink("x", "y", { xattrs: named("trusted.") })]
])("%s is the archive's fault, too", (_, entry) => {
  const [name = ""] = entry.xattrs.keys()
  const refused = { _tag: "UnsafeEntry", path: "x", problem: nonsense(name) }
  expect(thrown(() => apply(emptyRoot(), [entry], { ownership: "chown" }))).toMatchObject(refused)
})

test("where the system refuses our own attribute so, it is the disk's fault", () => {
  expect(thrown(() => setBy("xattr", (name) => (name === stat ? "EINVAL" : undefined)))).toMatchObject({
    _tag: "FileSystemFailed",
    code: "EINVAL"
  })
})
