import { closeSync, lstatSync, openSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { loadFsXattr } from "../../src/fs/native.ts"
import { loadKoffi } from "../../src/seams/native/koffi.ts"
import { attribute } from "../support/diskTree.ts"
import { temporary } from "../support/entries.ts"

const loaders = { koffi: () => loadKoffi(), "fs-xattr": () => loadFsXattr() }

test.each(Object.entries(loaders))("%s sets an attribute on the descriptor, or says why it cannot", async (_, load) => {
  const path = join(temporary(), "żółw")
  writeFileSync(path, "")
  const fd = openSync(path, "r+")
  const code = (await load())?.setAttribute?.(fd, path, "user.test", Uint8Array.of(1, 0, 255))
  const bad = (await load())?.setAttribute?.(fd, path, "nonsense", Uint8Array.of(1))
  closeSync(fd)
  expect([undefined, "ENOTSUP"]).toContain(code)
  expect([undefined, "\x01\0\xff"]).toContain(attribute(path, "user.test"))
  expect([undefined, "ENOTSUP", "EINVAL"]).toContain(bad)
})

test("koffi sets times to the nanosecond, and a link's own", () => {
  const directory = temporary()
  const [file, link] = [join(directory, "f"), join(directory, "l")]
  writeFileSync(file, "")
  symlinkSync("f", link)
  const native = loadKoffi()
  const fd = openSync(file, "r+")
  const done = native?.setTimes?.(fd, 1_700_000_000, 123_456_789)
  const linkDone = native?.setLinkTimes?.(link, -5, 987_654_321)
  closeSync(fd)
  const times = [file, link].map((path) => lstatSync(path, { bigint: true }).mtimeNs)
  expect([done, linkDone]).toEqual([undefined, undefined])
  if (native !== undefined) expect(times).toEqual([1_700_000_000_123_456_789n, -4_012_345_679n])
})

test("koffi reports what the system answers", () => {
  const native = loadKoffi()
  const missing = join(temporary(), "missing")
  const codes = [native?.setLinkTimes?.(missing, 1, 1), native?.setLinkAttribute?.(missing, "user.a", Buffer.from("x"))]
  expect(codes).toEqual(native === undefined ? [undefined, undefined] : ["ENOENT", "ENOENT"])
})

test.each(Object.entries(loaders))("%s lists attributes, and removes one", async (_, load) => {
  const path = join(temporary(), "f")
  writeFileSync(path, "")
  const fd = openSync(path, "r+")
  const native = await load()
  const set = ["user.a", "user.b"].map((name) => native?.setAttribute?.(fd, path, name, Uint8Array.of(1)))
  const before = native?.attributeNames?.(fd) ?? []
  const removed = ["user.a", "user.c"].map((name) => native?.removeAttribute?.(fd, name))
  const after = native?.attributeNames?.(fd) ?? []
  closeSync(fd)
  if (native?.attributeNames === undefined || set[0] !== undefined) return expect([before, after]).toEqual([[], []])
  expect(before.filter((name) => name.startsWith("user.")).sort()).toEqual(["user.a", "user.b"])
  expect(removed).toEqual([undefined, expect.stringMatching(/^ENO(?:DATA|ATTR)$/)])
  expect(after.filter((name) => name.startsWith("user."))).toEqual(["user.b"])
})

test("koffi locks an open file against others, shared or not, whole or in part", () => {
  const path = join(temporary(), "lock")
  writeFileSync(path, "")
  const [one = 0, other = 0] = [openSync(path, "r+"), openSync(path, "r+")]
  const lockFile = loadKoffi()?.lockFile
  if (lockFile === undefined) return
  const taken = [
    lockFile(one, true, 0, 0),
    lockFile(other, true, 0, 0),
    lockFile(other, false, 0, 0),
    lockFile(one, false, 2 ** 30, 512)
  ]
  closeSync(other)
  expect([...taken, lockFile(one, false, 2 ** 30, 512)]).toEqual([undefined, undefined, "EAGAIN", "EAGAIN", undefined])
  closeSync(one)
  expect(lockFile(one, false, 0, 0)).toBe("EBADF")
})

test("koffi clones a file where the file system can, and else says why it cannot", () => {
  const directory = temporary()
  const [from, to] = [join(directory, "from"), join(directory, "to")]
  writeFileSync(from, "content")
  const cloneFile = loadKoffi()?.cloneFile
  if (cloneFile === undefined) return
  const [source, target] = [openSync(from, "r"), openSync(to, "wx")]
  const code = cloneFile(target, source)
  closeSync(source)
  closeSync(target)
  expect([undefined, "ENOTSUP"]).toContain(code)
  expect(readFileSync(to, "utf8")).toBe(code === undefined ? "content" : "")
  expect(cloneFile(target, source)).toBe("EBADF")
})
