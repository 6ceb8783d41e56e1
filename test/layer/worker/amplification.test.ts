/** Small archives that would cost a careless extractor much: memory, time, or somebody's log. */
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { expect, test, vi } from "vitest"
import { defaultLimits } from "../../../src/api/config.ts"
import { makeApplier } from "../../../src/layer/apply/apply.ts"
import { ZstdFrames } from "../../../src/layer/compression/ZstdFrames.ts"
import { paxRecords, tar } from "../../../src/testing/index.ts"
import { outline } from "../../support/diskTree.ts"
import { apply, dir, emptyRoot, file, link, symlink, type TestEntry, thrown } from "../../support/entries.ts"
import { readArchive } from "../readArchive.ts"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

test("a hard link that waits for its target holds no more than its names", async () => {
  const root = emptyRoot()
  const applier = makeApplier({ directory: root, digest: "sha256:0", limits: defaultLimits, warn: () => {} })
  const held = (name: string) => {
    const value = Buffer.alloc(2 ** 20)
    applier.entry(link(name, "target", { xattrs: new Map([["user.a", value]]) }))
    return new WeakRef(value)
  }
  const values = ["a", "b", "c"].map(held)
  await new Promise(setImmediate)
  collect()
  expect(values.map((value) => value.deref())).toEqual([undefined, undefined, undefined])
  const { body, ...target } = file("target", "x")
  applier.entry(target, body)
  applier.finish()
  applier.close()
  expect(outline(root)).toEqual(["a = x", "b = x", "c = x", "target = x"])
})

/** How often `run` reads a directory. */
const directoriesRead = (run: () => void): number => {
  const spy = vi.spyOn(fs, "readdirSync")
  syncBuiltinESMExports()
  try {
    run()
    return spy.mock.calls.length
  } finally {
    spy.mockRestore()
    syncBuiltinESMExports()
  }
}

test("opaque markers cost their number, not their number times what the directory holds", () => {
  const read = (markers: ReadonlyArray<TestEntry>) => {
    const root = emptyRoot()
    const entries = [file("d/a"), file("d/b"), ...markers]
    const calls = directoriesRead(() => apply(root, entries, { layout: "rootfs" }))
    expect(outline(root)).toEqual(["d/", "d/a = ", "d/b = "])
    return calls
  }
  const [once, often] = [1, 50].map((times) =>
    [file("d/.wh..wh..opq"), file(".wh.d")].map((marker) => read(Array.from({ length: times }, () => marker)))
  )
  expect(often).toEqual(once)
  expect(once?.every((calls) => calls > 0)).toBe(true)
})

test("links that lead to an entry may have so many components, and no more", () => {
  const chain = (parts: number) => [
    dir("a"),
    symlink("s0", "a"),
    ...Array.from({ length: 30 }, (_, i) => symlink(`s${i + 1}`, `${"a/../".repeat(parts)}s${i}`)),
    file("s30/f", "x")
  ]
  const root = emptyRoot()
  apply(root, chain(20))
  expect(outline(root)).toContain("a/f = x")
  expect(thrown(() => apply(emptyRoot(), chain(200)))).toMatchObject({
    _tag: "UnsafeEntry",
    problem: expect.stringMatching(/too long/)
  })
})

test("a short name that links lead beyond the depth is beyond it", () => {
  const limits = { ...defaultLimits, depth: 8 }
  const entries = [dir("a/b/c/d"), symlink("s", "a/b/c/d"), file("s/e/f/g/h/file")]
  apply(emptyRoot(), entries, { limits })
  expect(thrown(() => apply(emptyRoot(), [...entries, file("s/e/f/g/h/i/file")], { limits }))).toMatchObject({
    _tag: "LimitExceeded",
    limit: "depth",
    maximum: 8
  })
})

test("unknown types are warned of once", async () => {
  const archive = tar("ustar")
  for (let i = 0; i < 5; i++) archive.header({ name: `f${i}`, type: "Q" })
  const { entries, warnings } = await readArchive(archive.end().bytes())
  expect(entries).toHaveLength(5)
  expect(warnings).toHaveLength(1)
})

test("a sparse file is no directory, whatever its name ends in", async () => {
  const gnu = tar("gnu").header({ name: "d/", type: "S" }).end().bytes()
  const pax = tar("ustar")
    .extension(
      "x",
      "x",
      paxRecords([
        ["GNU.sparse.name", "d/"],
        ["GNU.sparse.map", "0,0"],
        ["GNU.sparse.size", "0"]
      ])
    )
    .header({ name: "d" })
    .end()
    .bytes()
  for (const bytes of [gnu, pax])
    await expect(readArchive(bytes)).rejects.toMatchObject({ _tag: "CorruptLayer", problem: "a directory with a body" })
})

test("a zstd block is as long as its window and 128 KiB at most", () => {
  /** One last block of repeated bytes. */
  const frame = (window: number, size: number) =>
    Buffer.of(
      0x28,
      0xb5,
      0x2f,
      0xfd,
      0,
      window,
      ((size << 3) | 3) & 0xff,
      (size >> 5) & 0xff,
      (size >> 13) & 0xff,
      0x61
    )
  const read = (bytes: Uint8Array) =>
    thrown(() =>
      new ZstdFrames(
        () => {},
        (problem) => new Error(problem)
      ).push(bytes)
    )
  expect(read(frame(0x40, 2 ** 17))).toBeUndefined()
  expect(read(frame(0x40, 2 ** 17 + 1))).toMatchObject({ message: "a zstd block that is too long" })
  expect(read(frame(0, 1024))).toBeUndefined()
  expect(read(frame(0, 1025))).toMatchObject({ message: "a zstd block that is too long" })
})
