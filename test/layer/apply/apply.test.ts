import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { defaultLimits } from "../../../src/api/config.ts"
import { makeApplier } from "../../../src/layer/apply/apply.ts"
import { archiveAttributes, besideOf, outline, statOf } from "../../support/diskTree.ts"
import { apply, device, dir, emptyRoot, fifo, file, link, symlink, temporary, thrown } from "../../support/entries.ts"

const nanos = (path: string) => lstatSync(path, { bigint: true }).mtimeNs
const mode = (path: string) => lstatSync(path).mode & 0o7777
const inode = (path: string) => lstatSync(path).ino

describe("places", () => {
  test("directories that the archive leaves out are root's, 0755", () => {
    const root = emptyRoot()
    apply(root, [file("a/b/c", "x", { uid: 7 })])
    expect(mode(join(root, "a"))).toBe(0o755)
    expect([statOf(root, "a"), statOf(root, "a/b"), statOf(root, "a/b/c")]).toEqual([
      "0:0:040755",
      "0:0:040755",
      "7:0:0100644"
    ])
  })

  test("the root is root's, 0755, where the archive says nothing of it", () => {
    const root = emptyRoot()
    apply(root, [])
    expect(statOf(root, "")).toBe("0:0:040755")
  })

  test.each(["./", ".", "/", "", "a/.."])("the entry %j is the root's", (path) => {
    const root = emptyRoot()
    apply(root, [file("x", "x"), dir(path, { mode: 0o1750, uid: 3, gid: 4, mtime: { seconds: 5, nanos: 0 } })])
    expect(statOf(root, "")).toBe("3:4:041750")
    expect(mode(root)).toBe(0o1750)
    expect(nanos(root)).toBe(5_000_000_000n)
  })

  test("a root whose own name is not ASCII, or ends with a slash, is one like any other", () => {
    const root = join(temporary(), "żółw, a:b\\c")
    mkdirSync(root)
    apply(`${root}/`, [file("a/b", "x"), symlink("l", "/a"), file("l/c", "y"), link("d", "/l/b")])
    expect(outline(root)).toEqual(["a/", "a/b = x", "a/c = y", "d = x", "l -> /a"])
  })

  test("a path one past its limit fails, at its limit it does not", () => {
    const limits = { ...defaultLimits, pathBytes: 10, depth: 3, linkBytes: 4, fileBytes: 5 }
    apply(emptyRoot(), [file("a/b/345678", "12345"), symlink("l", "1234")], { limits })
    const failing = (...entries: Parameters<typeof apply>[1]) => thrown(() => apply(emptyRoot(), entries, { limits }))
    expect(failing(file("a/b/3456789"))).toMatchObject({ _tag: "LimitExceeded", limit: "pathBytes", maximum: 10 })
    expect(failing(file("a/b/c/d"))).toMatchObject({ _tag: "LimitExceeded", limit: "depth", maximum: 3 })
    expect(failing(symlink("l", "12345"))).toMatchObject({ _tag: "LimitExceeded", limit: "linkBytes", maximum: 4 })
    expect(failing(link("l", "12345"))).toMatchObject({ _tag: "LimitExceeded", limit: "linkBytes", maximum: 4 })
    expect(failing(file("f", "123456"))).toMatchObject({ _tag: "LimitExceeded", limit: "fileBytes", maximum: 5 })
  })

  test("a failure of the file system is a reason with the system's code", () => {
    const long = thrown(() => apply(emptyRoot(), [file("x".repeat(256))]))
    expect(long).toMatchObject({ _tag: "FileSystemFailed", operation: "open", code: "ENAMETOOLONG" })
    const missing = thrown(() => apply("/nowhere/at/all", []))
    expect(missing).toMatchObject({ _tag: "FileSystemFailed", code: "ENOENT", path: "/nowhere/at/all" })
  })
})

describe("metadata", () => {
  test("a file keeps its mode on the host, with the owner's read and write bits and without setuid", () => {
    const root = emptyRoot()
    const before = process.umask(0o077)
    try {
      apply(root, [
        file("a", "x", { mode: 0o4755 }),
        file("b", "x", { mode: 0o044 }),
        file("c", "y", { mode: 0o044 }),
        dir("d", { mode: 0o1555 })
      ])
    } finally {
      process.umask(before)
    }
    expect(["a", "b", "c", "d"].map((name) => mode(join(root, name)))).toEqual([0o755, 0o644, 0o644, 0o1755])
    expect(["a", "b", "d"].map((name) => statOf(root, name))).toEqual(["0:0:0104755", "0:0:0100044", "0:0:041555"])
  })

  test("an unreadable directory can still be written into", () => {
    const root = emptyRoot()
    apply(root, [dir("d", { mode: 0 }), file("d/f", "x")])
    expect(mode(join(root, "d"))).toBe(0o700)
    expect(statOf(root, "d")).toBe("0:0:040000")
  })

  test("devices and FIFOs are empty files that tell what they should be", () => {
    const root = emptyRoot()
    apply(root, [
      device("null", 1, 3),
      device("sda", 8, 1, { type: "block-device", mode: 0o660, gid: 6 }),
      fifo("pipe")
    ])
    expect(outline(root)).toEqual(["null = ", "pipe = ", "sda = "])
    expect(["null", "sda", "pipe"].map((name) => statOf(root, name))).toEqual([
      "0:0:020666",
      "0:6:060660",
      "0:0:010600"
    ])
    expect(besideOf(root, "sda")).toEqual({ path: "sda", stat: "0:6:060660", device: [8, 1] })
  })

  test("the owner of a symbolic link, which can have no attribute, is kept beside the layer", () => {
    const root = emptyRoot()
    apply(root, [symlink("a", "x"), symlink("b", "x", { uid: 1000, gid: 50 })])
    expect(besideOf(root, "b")).toEqual({ path: "b", stat: "1000:50:0120777" })
  })

  test("what is replaced is no longer what the file beside the layer says", () => {
    const root = emptyRoot()
    apply(root, [symlink("d/b", "x", { uid: 1000 }), file("d", "x")])
    expect(readFileSync(`${root}.stat`, "utf8").split("\n")).toContain('{"path":"d","removed":true}')
  })

  test("times are kept: of files, links, and of directories whatever is written into them later", () => {
    const root = emptyRoot()
    const at = (seconds: number, nanos = 0) => ({ mtime: { seconds, nanos } })
    apply(root, [
      dir("d", at(100)),
      dir("d/e", at(200)),
      file("d/e/f", "x", at(300, 500_000_000)),
      symlink("d/l", "nowhere", at(400)),
      link("d/h", "d/e/f", at(999)),
      link("d/late", "later"),
      file("later", "x", at(-86_400)),
      file("far", "x", at(Number.MAX_SAFE_INTEGER))
    ])
    const times = ["d", "d/e", "d/e/f", "d/l", "later"].map((name) => nanos(join(root, name)))
    expect(times).toEqual([
      100_000_000_000n,
      200_000_000_000n,
      300_500_000_000n,
      400_000_000_000n,
      -86_400_000_000_000n
    ])
  })

  test("the archive's user attributes are kept byte for byte, except reserved names", () => {
    const root = emptyRoot()
    const xattrs = new Map([
      ["user.raw", Uint8Array.of(0, 255, 128, 10)],
      ["user.containers.override_stat", Buffer.from("0:0:0104755")],
      ["user.overlay.opaque", Buffer.from("y")],
      ["user.rootlesscontainers", Buffer.from("x")],
      ["trusted.overlay.opaque", Buffer.from("y")],
      ["security.capability", Buffer.from("\x01\0\0\x02")]
    ])
    const warnings = apply(root, [file("f", "x", { xattrs }), file("g", "x", { xattrs }), dir("d", { xattrs })])
    for (const name of ["f", "g", "d"]) expect(archiveAttributes(root, name)).toEqual({ "user.raw": "\x00\xff\x80\n" })
    expect(statOf(root, "f")).toBe("0:0:0100644")
    const dropped = warnings.filter(({ code }) => code === "AttributesDropped")
    expect(dropped).toHaveLength(process.platform === "linux" ? 1 : 0)
  })
})

describe("files", () => {
  test("a body may come whole, in pieces, or not at all", () => {
    const root = emptyRoot()
    const applier = makeApplier({ directory: root, digest: "sha256:0", limits: defaultLimits, warn: () => {} })
    applier.entry(file("whole", "abc"), Buffer.from("abc"))
    applier.begin(file("pieces", "abcdef"))
    for (const piece of ["ab", "c", "", "def"]) applier.write(Buffer.from(piece))
    applier.end()
    applier.entry(file("empty"))
    applier.begin(dir("d"))
    applier.end()
    applier.finish()
    applier.close()
    expect(outline(root)).toEqual(["d/", "empty = ", "pieces = abcdef", "whole = abc"])
  })

  test("the holes of a sparse file read as zeros and take no blocks", () => {
    const root = emptyRoot()
    const size = 8 * 2 ** 20
    const sparse = [
      { offset: 4096, length: 3 },
      { offset: 2 ** 20, length: 0 },
      { offset: 4 * 2 ** 20, length: 4 },
      { offset: size, length: 0 }
    ]
    const applier = makeApplier({ directory: root, digest: "sha256:0", limits: defaultLimits, warn: () => {} })
    applier.begin(file("s", "", { size, sparse }))
    for (const piece of ["ab", "c1", "234"]) applier.write(Buffer.from(piece))
    applier.end()
    applier.entry(file("hole", "", { size, sparse: [{ offset: size, length: 0 }] }))
    applier.finish()
    applier.close()
    // Before it is read, which fills the holes of file systems that live in memory. A block is 512 bytes.
    expect(statSync(join(root, "s")).blocks * 512).toBeLessThan(size / 2)
    const body = readFileSync(join(root, "s"))
    expect(body.length).toBe(size)
    expect(body.toString("latin1", 4096, 4099)).toBe("abc")
    expect(body.toString("latin1", 4 * 2 ** 20, 4 * 2 ** 20 + 4)).toBe("1234")
    expect(body.filter((byte) => byte !== 0).toString()).toBe("abc1234")
    expect(statSync(join(root, "hole")).size).toBe(size)
  })

  test("closing in the middle of a body closes the file, twice does no harm", () => {
    const root = emptyRoot()
    const applier = makeApplier({ directory: root, digest: "sha256:0", limits: defaultLimits, warn: () => {} })
    applier.begin(file("f", "abcdef"))
    applier.write(Buffer.from("abc"))
    applier.close()
    applier.close()
    expect(readFileSync(join(root, "f"), "utf8")).toBe("abc")
  })

  test("no descriptor outlives an applier, however it ends", () => {
    const open = () => readdirSync("/dev/fd").length
    const before = open()
    for (const entries of [
      [file("a", "x"), symlink("l", "x", { uid: 9 })],
      [{ ...file("a", "x"), size: 9 }],
      [file("a"), file("a/b")]
    ]) {
      thrown(() => apply(emptyRoot(), entries))
    }
    expect(open()).toBe(before)
  })
})

describe("the last entry of a name wins", () => {
  const cases = {
    "a file over a file": [[file("x", "1"), file("x", "2")], ["x = 2"]],
    "a file over a directory": [[file("x/y/z", "1"), file("x", "2")], ["x = 2"]],
    "a directory over a file": [
      [file("x", "1"), dir("x"), file("x/y", "2")],
      ["x/", "x/y = 2"]
    ],
    "a directory over a directory keeps what is in it": [
      [file("x/y", "1"), dir("x", { mode: 0o711 })],
      ["x/", "x/y = 1"]
    ],
    "a directory over a link to a directory takes its place": [
      [dir("d"), symlink("x", "d"), dir("x"), file("x/y", "2")],
      ["d/", "x/", "x/y = 2"]
    ],
    "a link over a directory": [[file("x/y", "1"), symlink("x", "z")], ["x -> z"]],
    "a link over a link": [[symlink("x", "y"), symlink("x", "z")], ["x -> z"]],
    "a file over a hard link leaves the other name alone": [
      [file("a", "1"), link("b", "a"), file("b", "2")],
      ["a = 1", "b = 2"]
    ],
    "a file over a hard link's target leaves the link alone": [
      [file("a", "1"), link("b", "a"), file("a", "2")],
      ["a = 2", "b = 1"]
    ],
    "a hard link over a file": [
      [file("a", "1"), file("b", "2"), link("b", "a")],
      ["a = 1", "b = 1"]
    ],
    "a hard link over a directory": [
      [file("a", "1"), file("b/c", "2"), link("b", "a")],
      ["a = 1", "b = 1"]
    ],
    "a hard link to itself changes nothing": [[file("a", "1"), link("a", "a")], ["a = 1"]],
    "a file over a hard link that still waits": [[link("b", "a"), file("b", "2")], ["b = 2"]],
    "a directory over a hard link that still waits": [[link("b", "a"), dir("b")], ["b/"]],
    "a waiting hard link over a file": [
      [file("b", "2"), link("b", "a"), file("a", "1")],
      ["a = 1", "b = 1"]
    ],
    "a waiting hard link whose directory goes": [[link("d/b", "a"), file("d", "2")], ["d = 2"]],
    "a waiting hard link whose directory is replaced by one": [
      [link("d/b", "a"), file("d", "2"), file("a", "1"), dir("d")],
      ["a = 1", "d/"]
    ]
  } satisfies Record<string, [Parameters<typeof apply>[1], ReadonlyArray<string>]>

  test.each(Object.entries(cases))("%s", (_, [entries, expected]) => {
    const root = emptyRoot()
    apply(root, entries)
    expect(outline(root)).toEqual(expected)
  })
})

describe("hard links", () => {
  test("lead to the file at their target's own path, though others have its name", () => {
    const root = emptyRoot()
    const files = ["f", "a/f", "a/b/f", "a/b/c/f"]
    apply(root, [
      ...files.map((path) => file(path, path)),
      // Each beside its target, so that the way to it is known.
      ...files.toReversed().map((path) => link(path.replace(/f$/, "link"), path))
    ])
    for (const path of files) expect(readFileSync(join(root, path.replace(/f$/, "link")), "utf8")).toBe(path)
  })

  test("are one inode, whose stat is its own whatever the link's entry says", () => {
    const root = emptyRoot()
    apply(root, [file("a", "x", { uid: 5, mode: 0o4711 }), link("b", "/a", { uid: 0, mode: 0 }), link("c/d", "../b")])
    expect(new Set(["a", "b", "c/d"].map((name) => inode(join(root, name)))).size).toBe(1)
    expect(statOf(root, "a")).toBe("5:0:0104711")
    expect(mode(join(root, "b"))).toBe(0o711)
  })

  test("find targets that come later, also through other links, in any order", () => {
    const root = emptyRoot()
    apply(root, [
      link("d", "c"),
      link("b", "a"),
      link("c", "b"),
      link("x/y", "/l/t"),
      symlink("l", "z"),
      file("a", "1"),
      file("z/t", "2")
    ])
    expect(new Set(["a", "b", "c", "d"].map((name) => inode(join(root, name)))).size).toBe(1)
    expect(inode(join(root, "x/y"))).toBe(inode(join(root, "z/t")))
  })

  test("a long chain, told backwards, costs no more than its length", () => {
    const root = emptyRoot()
    const length = 2000
    apply(root, [...Array.from({ length }, (_, i) => link(`l${i}`, `l${i + 1}`)), file(`l${length}`, "x")])
    expect(statSync(join(root, "l0")).nlink).toBe(length + 1)
  })

  test("a target that never comes is an error", () => {
    const error = thrown(() => apply(emptyRoot(), [link("a", "b"), link("b", "a")]))
    expect(error).toMatchObject({
      _tag: "UnsafeEntry",
      path: "a",
      problem: 'a hard link to "b", which the layer does not hold'
    })
  })

  test("a link to a symbolic link is that link, never its target", () => {
    const root = emptyRoot()
    apply(root, [file("f", "x"), symlink("s", "f"), link("h", "s")])
    expect(readlinkSync(join(root, "h"))).toBe("f")
    expect(statSync(join(root, "f")).nlink).toBe(1)
  })
})

test("the layout layers keeps whiteouts as plain files, for a program that stacks the layers", () => {
  const root = emptyRoot()
  apply(root, [file("a/.wh.x"), file("a/.wh..wh..opq"), file(".wh..wh.plnk/1.2"), link("b/.wh.y", ".wh..wh.aufs")])
  expect(outline(root)).toEqual([
    ".wh..wh.plnk/",
    ".wh..wh.plnk/1.2 = ",
    "a/",
    "a/.wh..wh..opq = ",
    "a/.wh.x = ",
    "b/",
    "b/.wh.y = "
  ])
})

describe.each(["layers", "overlay", "rootfs"] as const)("layout %s", (layout) => {
  test("a whiteout beneath a file of its own layer hides nothing, as umoci writes them", () => {
    const root = emptyRoot()
    const entries = [file("d", "2"), file("d/.wh.x"), file("d/s/.wh.y"), file("d/.wh..wh..opq"), file("e", "3")]
    apply(root, entries, { layout })
    expect(outline(root)).toEqual(["d = 2", "e = 3"])
  })

  test("a file beneath a file is a lie still", () => {
    expect(thrown(() => apply(emptyRoot(), [file("d", "2"), file("d/x")], { layout }))).toMatchObject({
      _tag: "UnsafeEntry"
    })
  })
})
