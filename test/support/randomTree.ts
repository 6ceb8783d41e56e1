/** Random entries of a tree, hostile ones among them: names of any bytes, attributes of any length, every type, all times. */
import fc from "fast-check"
import type { EntryHeader } from "../../src/layer/Entry.ts"
import { device, dir, fifo, file, link, symlink, type TestEntry } from "./entries.ts"

const anyByte = fc
  .uint8Array({ minLength: 1, maxLength: 12 })
  .map((bytes) => Buffer.from(bytes).toString("latin1").replace(/[\0/]/g, "_"))
  .filter((bytes) => bytes !== "." && bytes !== "..")

const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("a", "b", "ab", "etc", "é", "!", "...", "a.b", "~") },
  { weight: 2, arbitrary: anyByte },
  { weight: 1, arbitrary: fc.constantFrom("n".repeat(255), `${"\xff".repeat(254)}x`) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 999 }).map((n) => `file-${n}-${"x".repeat(n % 200)}`) }
)
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"))

const size = fc.oneof(
  fc.constantFrom(0, 1, 31, 4000, 4032, 4033, 4095, 4096, 4097, 8192, 12_300),
  fc.integer({ min: 0, max: 3000 }),
  fc.integer({ min: 0, max: 40_000 })
)

const attribute = fc.tuple(
  fc.oneof(
    fc.constantFrom("user.a", "user.b", "trusted.overlay.opaque", "trusted.x", "security.x", `user.${"n".repeat(250)}`),
    fc.string({ minLength: 1, maxLength: 20 }).map((text) => `user.${text.replace(/[^!-~]/g, "_")}`)
  ),
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 60 }) },
    { weight: 1, arbitrary: fc.constantFrom(0, 3900, 4016, 4096, 9000, 65_535) }
  )
)
const xattrs = fc.oneof(
  { weight: 5, arbitrary: fc.constant(new Map<string, Uint8Array>()) },
  {
    weight: 2,
    arbitrary: fc
      .array(attribute, { maxLength: 4 })
      .map((all) => new Map(all.map(([key, length]) => [key, Buffer.alloc(length, key)])))
  }
)

const facts: fc.Arbitrary<Partial<EntryHeader>> = fc.record({
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.constantFrom(0, 1000, 65_536, 4_294_967_294),
  gid: fc.constantFrom(0, 5, 70_000, 4_294_967_294),
  mtime: fc.record({
    seconds: fc.oneof(fc.constantFrom(0, -1, -62_135_596_800, 253_402_300_799), fc.integer()),
    nanos: fc.constantFrom(0, 1, 999_999_999)
  }),
  xattrs
})

const target = fc.oneof(
  path,
  fc.constantFrom("..", "/", "../../../../etc/passwd", "t".repeat(4031), "t".repeat(4032), "t".repeat(4095))
)

const entry: fc.Arbitrary<TestEntry> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(path, size, facts).map(([p, n, more]) => file(p, "0123456".repeat(n).slice(0, n), more))
  },
  { weight: 4, arbitrary: fc.tuple(path, facts).map(([p, more]) => dir(p, more)) },
  { weight: 2, arbitrary: fc.tuple(path, target, facts).map(([p, to, more]) => symlink(p, to, more)) },
  { weight: 1, arbitrary: fc.tuple(path, facts).map(([p, more]) => fifo(p, more)) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(path, fc.nat(4095), fc.nat(1_048_575), fc.constantFrom("character-device", "block-device"), facts)
      .map(([p, major, minor, type, more]) => device(p, major, minor, { ...more, type }))
  },
  { weight: 4, arbitrary: fc.tuple(path, path).map(([p, to]) => link(p, to)) }
)

const isTree = (kept: ReadonlyMap<string, TestEntry>, { path, type, linkPath }: TestEntry): boolean => {
  const above = path.split("/").slice(0, -1)
  const isFree = !kept.has(path) && ![...kept.keys()].some((other) => other.startsWith(`${path}/`))
  const parents = above.map((_, i) => kept.get(above.slice(0, i + 1).join("/"))?.type)
  const to = type === "link" ? kept.get(linkPath)?.type : "file"
  return (
    isFree && parents.every((it) => it === undefined || it === "directory") && to !== undefined && to !== "directory"
  )
}

/** Entries in the order of a layer's archive, of which those that contradict what is before them are left out. */
export const randomTree: fc.Arbitrary<ReadonlyArray<TestEntry>> = fc
  .tuple(fc.option(facts), fc.array(entry, { maxLength: 60 }))
  .map(([root, entries]) => {
    const kept = new Map<string, TestEntry>()
    for (const each of entries) if (isTree(kept, each)) kept.set(each.path, each)
    return [...(root === null ? [] : [dir(".", root)]), ...kept.values()]
  })

/** The same, with every contradiction left in. */
export const anyEntries: fc.Arbitrary<ReadonlyArray<TestEntry>> = fc.array(
  fc.oneof(
    { weight: 9, arbitrary: entry },
    {
      weight: 1,
      arbitrary: fc
        .tuple(entry, fc.constantFrom("..", "n".repeat(256), "x\0y", "", "."))
        .map(([it, last]) => ({ ...it, path: `${it.path}/${last}` }))
    }
  ),
  { maxLength: 40 }
)
