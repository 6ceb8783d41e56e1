/** Small archives that would cost a careless extractor much: memory, time, or somebody's log. */
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
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

/** XFS has no link with a target of more than 1023 bytes. */
const hasLongLinks = (() => {
  const directory = fs.mkdtempSync(join(tmpdir(), "ociflow-links-"))
  try {
    fs.symlinkSync("a".repeat(3000), join(directory, "link"))
    return true
  } catch {
    return false
  } finally {
    fs.rmSync(directory, { recursive: true })
  }
})()

test("a waiting hard link keeps only its names in memory", async () => {
  const root = emptyRoot()
  const applier = makeApplier({ directory: root, digest: "sha256:0", limits: defaultLimits, warn: () => {} })
  const held = (name: string) => {
    const value = Buffer.alloc(2 ** 20)
    applier.entry(link(name, "target", { xattrs: new Map([["user.a", value]]) }))
    return new WeakRef(value)
  }
  const values = ["a", "b", "c"].map(held)
  // A collection may take what is left in a register for a reference: the next one does not.
  const left = () => {
    collect()
    return values.filter((value) => value.deref() !== undefined).length
  }
  await expect.poll(left).toBe(0)
  const { body, ...target } = file("target", "x")
  applier.entry(target, body)
  applier.finish()
  applier.close()
  expect(outline(root)).toEqual(["a = x", "b = x", "c = x", "target = x"])
})

/** How often `run` calls the file system so. */
const calls = (name: "readdirSync" | "lstatSync" | "unlinkSync", run: () => void): number => {
  const spy = vi.spyOn(fs, name)
  syncBuiltinESMExports()
  try {
    run()
    return spy.mock.calls.length
  } finally {
    spy.mockRestore()
    syncBuiltinESMExports()
  }
}

test("the cost of opaque markers does not depend on the size of the directory", () => {
  const read = (markers: ReadonlyArray<TestEntry>) => {
    const root = emptyRoot()
    const entries = [file("d/a"), file("d/b"), ...markers]
    const reads = calls("readdirSync", () => apply(root, entries, { layout: "rootfs" }))
    expect(outline(root)).toEqual(["d/", "d/a = ", "d/b = "])
    return reads
  }
  const [once, often] = [1, 50].map((times) =>
    [file("d/.wh..wh..opq"), file(".wh.d")].map((marker) => read(Array.from({ length: times }, () => marker)))
  )
  expect(often).toEqual(once)
  expect(once?.every((calls) => calls > 0)).toBe(true)
})

test("the links on the way to an entry have a limit of components", () => {
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

/** 250 directories beneath the end of two links, the longest way that an entry may take. */
const longWay: ReadonlyArray<TestEntry> = [
  dir("x"),
  dir("d/".repeat(250)),
  symlink("r", `${"x/../".repeat(500)}.`),
  symlink("s", `${"x/../".repeat(500)}r`)
]
const below = (name: string) => `s/${"d/".repeat(250)}${name}`

test.runIf(hasLongLinks).each(["layers", "overlay", "rootfs"] as const)("a whiteout costs one walk: %s", (layout) => {
  const looks = (entries: ReadonlyArray<TestEntry>) =>
    calls("lstatSync", () => apply(emptyRoot(), [...longWay, ...entries], { layout }))
  const before = looks([])
  const whiteouts = ["1", "2", "3", "4"].map((name, i) => [file(below(`.wh.${name}`)), symlink(`l${i}`, "x")])
  const cost = (looks(whiteouts.flat()) - before) / whiteouts.length
  expect(cost).toBeGreaterThan(1000)
  expect(cost).toBeLessThan(2048 + 512)
})

test.runIf(hasLongLinks)("an entry has one budget of steps, for its place and for its target", () => {
  const target = `r/${"d/".repeat(250)}target`
  const before = [...longWay, file(target), symlink("y", "x")]
  expect(() => apply(emptyRoot(), [...before, file(below("f")), link("h", target)])).not.toThrow()
  expect(thrown(() => apply(emptyRoot(), [...before, link(below("h"), target)]))).toMatchObject({
    _tag: "UnsafeEntry",
    problem: expect.stringMatching(/^the links that lead to it are too long/)
  })
})

test.runIf(hasLongLinks)("empty components of a link are steps", () => {
  const chain = (slashes: number) => [dir("a"), symlink("s", `a${"/".repeat(slashes)}`), symlink("t", "s"), file("t/f")]
  expect(() => apply(emptyRoot(), chain(1000))).not.toThrow()
  expect(thrown(() => apply(emptyRoot(), chain(2100)))).toMatchObject({ problem: expect.stringMatching(/too long/) })
})

test.runIf(hasLongLinks)("all entries of a layer have a budget, which grows with their number", () => {
  const entries = (count: number, slashes: number) => [
    dir("a"),
    symlink("s", `a${"/".repeat(slashes)}`),
    // Each by a way of its own: what the last one has seen is kept.
    ...Array.from({ length: count }, (_, i) => [file(`s/${i}`), symlink("x", "y")]).flat()
  ]
  expect(thrown(() => apply(emptyRoot(), entries(600, 2000)))).toMatchObject({
    _tag: "UnsafeEntry",
    problem: "the links that lead to the entries of this layer are too long"
  })
  expect(() => apply(emptyRoot(), entries(600, 100))).not.toThrow()
})

test("directories that entries only imply are entries", () => {
  const deep = (name: string) => file(`${name}/${"d/".repeat(9)}f`)
  const limits = { ...defaultLimits, entries: 22 }
  expect(() => apply(emptyRoot(), [deep("a"), deep("b")], { limits })).not.toThrow()
  for (const entries of [
    [deep("a"), deep("b"), file("one more")],
    [file(`a/${"d/".repeat(22)}f`)],
    // Made again and again by way of a link.
    [symlink("s", "a/b/c/d/e"), ...[1, 2, 3, 4].flatMap(() => [dir("s/f"), link("a", "z")])]
  ])
    expect(thrown(() => apply(emptyRoot(), entries, { limits }))).toMatchObject({
      _tag: "LimitExceeded",
      limit: "entries",
      maximum: 22
    })
})

test("a cancel takes effect within an entry: in removals, implied parents, waiting links and times", () => {
  const cases: ReadonlyArray<readonly [before: ReadonlyArray<TestEntry>, last?: TestEntry]> = [
    [Array.from({ length: 300 }, (_, i) => file(`d/${i}/f`)), file("d")],
    [[], file(`${"d/".repeat(200)}f`)],
    [Array.from({ length: 200 }, (_, i) => link(`l${i}`, "z")).concat(file("z"))],
    [Array.from({ length: 200 }, (_, i) => dir(`d${i}`))]
  ]
  for (const [before, last] of cases) {
    let left = Number.POSITIVE_INFINITY
    const look = () => {
      if (--left < 0) throw new Error("cancelled")
    }
    const applier = makeApplier({
      directory: emptyRoot(),
      digest: "sha256:0",
      limits: defaultLimits,
      warn: () => {},
      look
    })
    for (const { body, ...header } of before) applier.entry(header, body)
    left = 150
    const step = () => {
      if (last === undefined) return applier.finish()
      const { body, ...header } = last
      applier.entry(header, body)
    }
    expect(step).toThrow("cancelled")
    applier.close()
  }
})

test.each(["overlay", "rootfs"] as const)(
  "a tree is looked through once, however many markers hide it: %s",
  (layout) => {
    const chain = Array.from({ length: 60 }, (_, i) => "d/".repeat(60 - i))
    const cost = (markers: ReadonlyArray<string>) =>
      calls("readdirSync", () =>
        apply(emptyRoot(), [dir("d/".repeat(60)), ...markers.map((it) => file(`${it}.wh..wh..opq`))], { layout })
      )
    expect(cost(chain)).toBeLessThanOrEqual(2 * 60)
  }
)

/** Bytes of the heap that `make`'s value holds. */
const heldBy = (make: () => unknown): number => {
  collect()
  const before = process.memoryUsage().heapUsed
  const value = make()
  collect()
  const held = process.memoryUsage().heapUsed - before
  expect(value).toBeDefined()
  return held
}

/** Fifteen components of 250 bytes, and one that tells them apart. Each time a string of its own. */
const longName = (last: string) => Buffer.from(`${`${"n".repeat(250)}/`.repeat(15)}${last}`).toString("latin1")

test("waiting links and directories are remembered by name, not by path", () => {
  const applierOf = (layout: "layers" | "rootfs") =>
    makeApplier({ directory: emptyRoot(), digest: "sha256:0", limits: defaultLimits, warn: () => {}, layout })
  const count = 2000
  const linked = applierOf("layers")
  const made = applierOf("layers")
  const written = applierOf("rootfs")
  const enter = (applier: ReturnType<typeof makeApplier>, entry: (name: string) => TestEntry) => () => {
    for (let i = 0; i < count; i++) {
      const { body, ...header } = entry(longName(`a rather long name, number ${i}`))
      applier.entry(header, body)
    }
    return applier
  }
  expect(heldBy(enter(linked, (name) => link(name, "z")))).toBeLessThan(count * 1024)
  expect(heldBy(enter(made, (name) => dir(name)))).toBeLessThan(count * 1024)
  expect(heldBy(enter(written, (name) => file(name)))).toBeLessThan(count * 1024)
  for (const applier of [linked, made, written]) applier.close()
})

test("hard links may wait with so many bytes of names, and no more", () => {
  const limits = { ...defaultLimits, pendingBytes: 10 * (256 + 2 + 1) }
  const links = (count: number) => Array.from({ length: count }, (_, i) => link(`l${i}`, "z"))
  expect(() => apply(emptyRoot(), [...links(10), file("z")], { limits })).not.toThrow()
  for (const entries of [
    links(11),
    // The same name again takes the place of the first, which waits all the same.
    Array.from({ length: 11 }, () => link("l1", "z")),
    [...links(9), link("l9", "/./z/../long enough")]
  ])
    expect(thrown(() => apply(emptyRoot(), entries, { limits }))).toMatchObject({
      _tag: "LimitExceeded",
      limit: "pendingBytes",
      maximum: limits.pendingBytes
    })
})

test("each slash of a name counts towards its depth, also where nothing stands between two", async () => {
  const padded = `${"/".repeat(4000)}l1`
  const tooDeep = { _tag: "LimitExceeded", limit: "depth", maximum: 256 }
  for (const entry of [
    link(padded, "z"),
    link("l", padded),
    file(`.${padded}`),
    file(`a${padded}`),
    dir(`${"./".repeat(300)}d`)
  ])
    expect(thrown(() => apply(emptyRoot(), [entry]))).toMatchObject(tooDeep)
  await expect(readArchive(tar().hardLink(padded, "z").end().bytes())).rejects.toMatchObject(tooDeep)
  const deepest = `${"d/".repeat(255)}f`
  for (const name of [deepest, `/${deepest}`, `./${deepest}`]) {
    expect(thrown(() => apply(emptyRoot(), [file(name), dir(`${name}x/`)]))).toBeUndefined()
    await readArchive(tar().directory(`${name}/`).end().bytes())
  }
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

test("a sparse file is not a directory, whatever its name ends in", async () => {
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
