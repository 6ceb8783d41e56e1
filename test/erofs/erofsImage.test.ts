import { describe, expect, test } from "vitest"
import { erofsImage, readPlan } from "../../src/erofs/erofsImage.ts"
import { device, dir, fifo, file, link, symlink, type TestEntry } from "../support/entries.ts"
import { chunksOf, imageOf, sourceOf } from "../support/erofsImage.ts"
import { ErofsReader } from "../support/readErofs.ts"

const attributes = (given: Record<string, string>) =>
  new Map(Object.entries(given).map(([name, value]) => [name, Buffer.from(value, "latin1")]))

const treeOf = async (...entries: ReadonlyArray<TestEntry>) => new ErofsReader(await imageOf(entries)).tree()

describe("the tree in an image", () => {
  test("has every entry with its owner, mode, time, device and bytes", async () => {
    const tree = await treeOf(
      dir("etc", {
        mode: 0o1750,
        uid: 70_000,
        gid: 4_294_967_294,
        mtime: { seconds: 1_700_000_000, nanos: 123_456_789 }
      }),
      file("etc/passwd", "root", { mode: 0o4755, mtime: { seconds: -2, nanos: 500_000_000 } }),
      symlink("etc/mtab", "/proc/mounts", { uid: 3 }),
      device("null", 1, 3),
      device("disk", 4095, 1_048_575, { type: "block-device" }),
      fifo("pipe", { mode: 0o2600 }),
      file("empty")
    )
    expect([...tree.keys()].sort()).toEqual(["", "disk", "empty", "etc", "etc/mtab", "etc/passwd", "null", "pipe"])
    expect(tree.get("etc")).toMatchObject({
      mode: 0o041750,
      uid: 70_000,
      gid: 4_294_967_294,
      mtime: 1_700_000_000_123_456_789n
    })
    expect(tree.get("etc/passwd")).toMatchObject({ mode: 0o104755, content: "root", mtime: -1_500_000_000n })
    expect(tree.get("etc/mtab")).toMatchObject({ mode: 0o120777, content: "/proc/mounts", uid: 3 })
    expect(tree.get("null")).toMatchObject({ mode: 0o020666, rdev: 0x103 })
    expect(tree.get("disk")).toMatchObject({ mode: 0o060666, rdev: 0xffff_ffff })
    expect(tree.get("pipe")).toMatchObject({ mode: 0o012600, rdev: 0 })
    expect(tree.get("empty")).toMatchObject({ content: "" })
  })

  test.for([
    [1, 1],
    [65_536, 1],
    [65_536, 4095],
    [65_536, 4096],
    [65_536, 4097],
    [1000, 3 * 4096],
    [65_536, 300_000]
  ] as const)("in pieces of %s bytes, a file of %s has its bytes", async ([piece, size]) => {
    const text = Buffer.alloc(size, "0123456789abc").toString()
    const image = await imageOf([file("before", "b"), file("f", text), file("after", "a")], {}, piece)
    const tree = new ErofsReader(image).tree()
    expect(tree.get("f")?.content === text).toBe(true)
    expect([tree.get("before")?.content, tree.get("after")?.content]).toEqual(["b", "a"])
  })

  test.for([1, 59, 4031, 4032, 4033, 4095])("a symbolic link of %s bytes has its target", async (length) => {
    expect((await treeOf(symlink("l", "t".repeat(length)))).get("l")?.content).toBe("t".repeat(length))
  })

  test("all names of a file are one inode, which counts them; a directory counts those in it", async () => {
    const tree = await treeOf(
      dir("a"),
      file("a/one", "1"),
      link("two", "a/one"),
      link("b/three", "./a/one/"),
      device("d", 1, 2),
      link("e", "d")
    )
    const nids = ["a/one", "two", "b/three"].map((path) => tree.get(path)?.nid)
    expect(new Set(nids).size).toBe(1)
    expect(tree.get("two")).toMatchObject({ links: 3, content: "1" })
    expect(tree.get("e")).toMatchObject({ links: 2, rdev: 0x102 })
    expect(tree.get("")?.links).toBe(4)
    expect(tree.get("b")?.links).toBe(2)
  })

  test("a directory that no entry describes is root's; one that is described later is as described", async () => {
    const tree = await treeOf(
      file("a/b/c", "x"),
      dir("a", { mode: 0o700, uid: 7, xattrs: attributes({ "user.a": "1" }) }),
      dir("./", { mode: 0o711, gid: 9 })
    )
    expect(tree.get("a")).toMatchObject({ mode: 0o040700, uid: 7, links: 3, xattrs: { "user.a": "1" } })
    expect(tree.get("a/b")).toMatchObject({ mode: 0o040755, uid: 0, mtime: 0n })
    expect(tree.get("")).toMatchObject({ mode: 0o040711, gid: 9 })
    expect((await treeOf()).get("")).toMatchObject({ mode: 0o040755, links: 2 })
  })

  test("attributes are there as they are, whatever their length", async () => {
    const given = {
      "security.capability": "\x01\0\0\x02\xff",
      "system.posix_acl_access": "\x02\0\0\0",
      "trusted.overlay.opaque": "y",
      "user.empty": "",
      "user.long": "v".repeat(65_535),
      [`user.${"n".repeat(250)}`]: "name"
    }
    const tree = await treeOf(
      file("f", "f".repeat(5000), { xattrs: attributes(given) }),
      dir("d", { xattrs: attributes(given) }),
      symlink("l", "t".repeat(4000), { xattrs: attributes({ "trusted.t": "x".repeat(100) }) }),
      file("page", "tail", { xattrs: attributes({ "user.x": "v".repeat(4096 - 64 - 12 - 4 - 1) }) }),
      file("next", "n")
    )
    expect(tree.get("f")?.xattrs).toEqual(given)
    expect(tree.get("f")?.content).toBe("f".repeat(5000))
    expect(tree.get("d")?.xattrs).toEqual(given)
    expect(tree.get("l")).toMatchObject({ content: "t".repeat(4000), xattrs: { "trusted.t": "x".repeat(100) } })
    expect([tree.get("page")?.content, tree.get("next")?.content]).toEqual(["tail", "n"])
  })

  test("the root may have attributes of any length, and more names than a block holds", async () => {
    for (const length of [10, 2900, 5000, 60_000]) {
      const xattrs = attributes({ "user.a": "v".repeat(length) })
      for (const count of [0, 30, 100, 400]) {
        const files = Array.from({ length: count }, (_, i) => file(`name-of-${i}`, String(i)))
        const reader = new ErofsReader(await imageOf([dir(".", { xattrs }), ...files]))
        const tree = reader.tree()
        expect(reader.rootNid).toBe(36)
        expect(tree.get("")?.xattrs["user.a"]?.length).toBe(length)
        expect(tree.size).toBe(count + 1)
        if (count > 0) expect(tree.get(`name-of-${count - 1}`)?.content).toBe(String(count - 1))
      }
    }
  })

  test("a name of another system is left out, and told", async () => {
    const dropped: Array<string> = []
    const xattrs = attributes({ "com.apple.provenance": "1", "user.": "2", "user.kept": "3", "system.nfs4_acl": "4" })
    const image = await imageOf([file("f", "", { xattrs })], {
      onXattrDropped: (path, name) => dropped.push(`${path} ${name}`)
    })
    expect(new ErofsReader(image).tree().get("f")?.xattrs).toEqual({ "user.kept": "3" })
    expect(dropped).toEqual(["f com.apple.provenance", "f user.", "f system.nfs4_acl"])
  })
})

describe("a directory", () => {
  test("has its names in the order of their bytes, each with its kind, over as many blocks as they take", async () => {
    const names = Array.from({ length: 30_000 }, (_, i) => `${(i * 7919) % 30_000}${"\xff!~A\xe9"[i % 5]}`)
    const reader = new ErofsReader(await imageOf(names.map((name) => file(`d/${name}`))))
    const found = [...reader.names(reader.tree().get("d")?.nid ?? 0)]
    const bytes = found.map(([name]) => Buffer.from(name, "latin1"))
    expect(bytes.every((name, i) => i === 0 || Buffer.compare(bytes[i - 1] ?? name, name) < 0)).toBe(true)
    expect(new Set(found.map(([name]) => name))).toEqual(new Set([".", "..", ...names]))
    expect(new Set(found.filter(([name]) => name !== "." && name !== "..").map(([, , type]) => type))).toEqual(
      new Set([1])
    )
  })

  test("names itself and the one above it; the root is above itself", async () => {
    const reader = new ErofsReader(await imageOf([dir("a"), dir("a/b"), symlink("a/!", "x")]))
    const tree = reader.tree()
    const [root, a, b] = ["", "a", "a/b"].map((path) => tree.get(path)?.nid ?? 0)
    expect([...reader.names(root ?? 0)]).toEqual([
      [".", root, 2],
      ["..", root, 2],
      ["a", a, 2]
    ])
    expect([...reader.names(a ?? 0)]).toEqual([
      ["!", tree.get("a/!")?.nid, 7],
      [".", a, 2],
      ["..", root, 2],
      ["b", b, 2]
    ])
  })
})

describe("an image", () => {
  const entries = [dir("d", { uid: 4 }), file("d/f", "bytes"), symlink("l", "d"), file("g", "x".repeat(9000))]

  test("is of the size that is planned from the headers alone, in whole blocks", async () => {
    const { size } = await readPlan(sourceOf(entries).headers())
    const image = await imageOf(entries)
    expect(image.length).toBe(size)
    expect(size % 4096).toBe(0)
    const reader = new ErofsReader(image)
    expect([reader.blocks, reader.inodes]).toEqual([size / 4096, 5])
  })

  test("is the same for the same entries, however their bytes come", async () => {
    const [once, again, slowly] = [await imageOf(entries), await imageOf(entries), await imageOf(entries, {}, 7)]
    expect(again.equals(once)).toBe(true)
    expect(slowly.equals(once)).toBe(true)
  })

  test("has a UUID of its own for what is different, and for another identity", async () => {
    const uuid = async (given: ReadonlyArray<TestEntry>, identity?: string) =>
      new ErofsReader(await imageOf(given, identity === undefined ? {} : { identity })).uuid
    const all = await Promise.all([
      uuid(entries),
      uuid([...entries, dir("more")]),
      uuid([dir("d", { uid: 5 }), ...entries.slice(1)]),
      uuid([...entries.slice(0, 3), file("h", "x".repeat(9000))]),
      uuid(entries, "sha256:1"),
      uuid(entries, "sha256:2")
    ])
    expect(new Set(all).size).toBe(all.length)
    expect(await uuid(entries)).toBe(all[0])
    for (const each of all) expect(each).toMatch(/^.{12}8...[89ab]/)
  })

  test("shares blocks between inodes, and puts what is short behind them", async () => {
    const links = Array.from({ length: 2000 }, (_, i) => symlink(`l${i}`, "x".repeat(300)))
    expect((await imageOf(links)).length).toBeLessThan(2000 * (300 + 64 + 40) * 1.15)
    const files = Array.from({ length: 2000 }, (_, i) => file(`f${i}`, "x".repeat(300)))
    expect((await imageOf(files)).length).toBeLessThan(2000 * (4096 + 64 + 40) * 1.01)
  })

  test("has all bytes of a file in blocks, for those who map it into memory", async () => {
    const sizes = [1, 100, 4032, 4095, 4096, 5000, 123_456]
    const tree = await treeOf(...sizes.map((size) => file(`f${size}`, "x".repeat(size))), symlink("l", "x"), dir("d"))
    for (const size of sizes) expect(tree.get(`f${size}`)?.layout).toBe("plain")
    expect([tree.get("l")?.layout, tree.get("d")?.layout]).toEqual(["inline", "inline"])
  })

  test("left half-way or failed, it closes what it reads from", async () => {
    const source = sourceOf(entries)
    for await (const _ of erofsImage(source)) break
    expect(source.open()).toBe(0)
    const broken = sourceOf([file("f", "1"), { ...file("g", "22"), size: 3 }])
    await expect(chunksOf(erofsImage(broken))).rejects.toThrow(/"g".*its size is 3, and it has 2 bytes/)
    expect(broken.open()).toBe(0)
  })
})

test("others have their turn on the event loop while an image of many entries is planned and written", async () => {
  const names = Array.from({ length: 30_000 }, (_, i) => symlink(`d${i % 50}/l${i}`, "x"))
  let turns = 0
  let isOver = false
  const turn = () => {
    turns += 1
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  await imageOf(names)
  isOver = true
  // One in 4096 entries, for each of three passes.
  expect(turns).toBeGreaterThan(15)
})
