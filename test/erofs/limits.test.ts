/** What EROFS, or Linux, has no room for is an error that names the entry; the bound itself fits. */
import fc from "fast-check"
import { expect, test } from "vitest"
import { UnsupportedEntry } from "../../src/api/errors.ts"
import { device, dir, fifo, file, link, symlink, type TestEntry } from "../support/entries.ts"
import { imageOf } from "../support/erofsImage.ts"
import { anyEntries, randomTree } from "../support/randomTree.ts"
import { ErofsReader } from "../support/readErofs.ts"
import { runs } from "../support/runs.ts"

const attributes = (...pairs: ReadonlyArray<readonly [string, number]>) => ({
  xattrs: new Map(pairs.map(([name, length]) => [name, Buffer.alloc(length)]))
})

const failure = (entries: ReadonlyArray<TestEntry>) =>
  imageOf(entries).then(
    () => undefined,
    (error: unknown) => error
  )

const beyond: ReadonlyArray<readonly [string, TestEntry, TestEntry]> = [
  ["a name", file(`d/${"n".repeat(255)}`), file(`d/${"n".repeat(256)}`)],
  ["a name of two-byte characters", file(`${"\xc3\xa9".repeat(127)}a`), file(`${"\xc3\xa9".repeat(128)}`)],
  ["a directory's name", dir("n".repeat(255)), dir("n".repeat(256))],
  ["the name of a directory that is implied", file(`${"n".repeat(255)}/f`), file(`${"n".repeat(256)}/f`)],
  ["a target", symlink("l", "t".repeat(4095)), symlink("l", "t".repeat(4096))],
  ["a major number", device("d", 4095, 0), device("d", 4096, 0)],
  ["a minor number", device("d", 0, 1_048_575), device("d", 0, 1_048_576)],
  ["an attribute", file("f", "", attributes(["user.a", 65_535])), file("f", "", attributes(["user.a", 65_536]))],
  [
    "an attribute's name",
    file("f", "", attributes([`user.${"n".repeat(250)}`, 1])),
    file("f", "", attributes([`user.${"n".repeat(251)}`, 1]))
  ],
  [
    "all attributes together",
    fifo("f", attributes(["user.a", 65_535], ["user.b", 65_535], ["user.c", 65_535], ["user.d", 65_480])),
    fifo("f", attributes(["user.a", 65_535], ["user.b", 65_535], ["user.c", 65_535], ["user.d", 65_535], ["user.e", 1]))
  ]
]

test.for(beyond)("%s: the longest fits, and one more is UnsupportedEntry", async ([, most, more]) => {
  expect(await failure([most])).toBeUndefined()
  const error = await failure([more])
  expect(error).toBeInstanceOf(UnsupportedEntry)
  expect(error).toMatchObject({ format: "erofs", path: expect.stringMatching(/^.{1,301}$/) })
  expect(String(error)).toMatch(/the maximum is/)
})

test.for<readonly [string, ReadonlyArray<TestEntry>]>([
  ["a name that is there twice", [file("f"), file("f")]],
  ["a file where a directory is", [dir("f"), file("f")]],
  ["a directory where a file is", [file("f"), dir("f")]],
  ["an entry beneath a file", [file("f"), file("f/g")]],
  ["an entry beneath a symbolic link", [symlink("f", "/"), file("f/g")]],
  ["a hard link to nothing", [link("f", "g")]],
  ["a hard link before its file", [link("f", "g"), file("g")]],
  ["a hard link to a directory", [dir("g"), link("f", "g")]],
  ["a hard link where a file is", [file("g"), file("f"), link("f", "g")]],
  ["a component ..", [file("a/../f")]],
  ["a name ..", [file("..")]],
  ["a NUL in a name", [file("a\0b")]],
  ["a root that is a file", [file("/")]],
  ["a target that is empty", [symlink("l", "")]],
  ["a target with a NUL", [symlink("l", "a\0b")]],
  ["more blocks than have addresses", [{ ...file("f"), size: 2 ** 44 }]],
  ["a body that is too long", [{ ...file("f", "12345"), size: 4 }]],
  ["a body that is too long by blocks", [{ ...file("f", "x".repeat(20_000)), size: 4 }]],
  ["a body that is too short", [{ ...file("f", "123"), size: 4 }]]
])("%s is UnsupportedEntry", async ([, entries]) => {
  expect(await failure(entries)).toBeInstanceOf(UnsupportedEntry)
})

test("a file whose place another has taken since it was planned is UnsupportedEntry, not another's bytes", async () => {
  const { readPlan, writePlan } = await import("../../src/erofs/erofsImage.ts")
  const { chunksOf, sourceOf } = await import("../support/erofsImage.ts")
  const plan = await readPlan(sourceOf([file("a", "1"), file("b", "2")]).headers())
  for (const bodies of [[file("b", "2"), file("a", "1")], [file("a", "1")], [file("a", "12"), file("b", "2")]])
    await expect(chunksOf(writePlan(plan, sourceOf(bodies).bodies()))).rejects.toBeInstanceOf(UnsupportedEntry)
})

const described = (entries: ReadonlyArray<TestEntry>) =>
  new Map(
    entries.flatMap(({ path, mode, uid, mtime, type, linkPath, body, xattrs }) => {
      if (type === "link") return []
      const content = type === "symlink" ? linkPath : Buffer.from(body ?? []).toString("latin1")
      const values = Object.fromEntries(
        [...xattrs].map(([name, value]) => [name, Buffer.from(value).toString("latin1")])
      )
      const nanoseconds = BigInt(mtime.seconds) * 1_000_000_000n + BigInt(mtime.nanos)
      const kept = type === "symlink" ? 0o777 : mode
      return [[path === "." ? "" : path, { mode: kept, uid, mtime: nanoseconds, content, xattrs: values }] as const]
    })
  )

test("any tree is read as it was written, and the same entries give the same bytes", async () => {
  await fc.assert(
    fc.asyncProperty(randomTree, fc.integer({ min: 1, max: 9000 }), async (entries, piece) => {
      const image = await imageOf(entries)
      expect((await imageOf(entries, {}, piece)).equals(image)).toBe(true)
      const tree = new ErofsReader(image).tree()
      for (const [path, expected] of described(entries)) {
        const { mode = 0, ...found } = tree.get(path) ?? {}
        expect({ ...found, mode: mode & 0o7777 }, path).toMatchObject(expected)
      }
      for (const { path, type, linkPath } of entries)
        if (type === "link") expect(tree.get(path)).toEqual(tree.get(linkPath))
      const nids = [...tree.values()].map(({ nid, links, mode }) => [nid, links, mode] as const)
      for (const [nid, links, mode] of nids)
        if ((mode & 0o170000) !== 0o040000) expect(nids.filter(([other]) => other === nid).length).toBe(links)
    }),
    { numRuns: runs(60) }
  )
})

test("whatever the entries, there is an image or UnsupportedEntry", async () => {
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(anyEntries, async (entries) => {
      const error = await failure(entries)
      seen.add(error === undefined ? "an image" : "an error")
      if (error !== undefined) expect(error).toBeInstanceOf(UnsupportedEntry)
    }),
    { numRuns: runs(100) }
  )
  expect([...seen].sort()).toEqual(["an error", "an image"])
})
