/** What only root may do, and what only Linux has: real owners, real devices, capabilities, names of any bytes. */
import { execFileSync } from "node:child_process"
import { chmodSync, chownSync, lstatSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, expect, onTestFinished, test } from "vitest"
import { attribute, besideOf, outline, snapshot, statOf } from "../../support/diskTree.ts"
import {
  apply,
  bytes,
  device,
  dir,
  emptyRoot,
  fifo,
  file,
  link,
  symlink,
  temporary,
  thrown
} from "../../support/entries.ts"
import { withNative } from "../../support/withNative.ts"

const root = process.getuid?.() === 0
const linux = process.platform === "linux"

/** Version 2 of the kernel's form: CAP_NET_RAW, effective and permitted. */
const capability = Uint8Array.of(1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

const asNobody = <A>(run: () => A): A => {
  process.setegid?.(65534)
  process.seteuid?.(65534)
  try {
    return run()
  } finally {
    process.seteuid?.(0)
    process.setegid?.(0)
  }
}

const stats = (path: string) => {
  const { mode, uid, gid, rdev } = lstatSync(path)
  return [mode.toString(8), uid, gid, `${(rdev >> 8) & 0xfff}:${(rdev & 0xff) | ((rdev >> 12) & 0xfff00)}`].join(" ")
}

describe.runIf(root && linux)("chown", () => {
  const entries = [
    dir(".", { uid: 1, gid: 2, mode: 0o1777 }),
    dir("d", { uid: 3, gid: 4, mode: 0o2500 }),
    file("d/f", "x", { uid: 5, gid: 6, mode: 0o4000 }),
    link("d/h", "d/f"),
    symlink("l", "d/f", { uid: 7, gid: 8, mtime: { seconds: 3, nanos: 5 } }),
    device("null", 1, 3, { uid: 9, gid: 10, mode: 0o622 }),
    device("\xff", 4095, 2 ** 20 - 1, { type: "block-device", mode: 0o600 }),
    fifo("pipe", { uid: 11, mode: 0o1644 }),
    file("ping", "x", { mode: 0o755, uid: 12, xattrs: new Map([["security.capability", capability]]) })
  ]
  const expected = {
    ".": "41777 1 2 0:0",
    d: "42500 3 4 0:0",
    "d/f": "104000 5 6 0:0",
    l: "120777 7 8 0:0",
    null: "20622 9 10 1:3",
    pipe: "11644 11 0 0:0",
    ping: "100755 12 0 0:0"
  }
  const check = (directory: string) => {
    const found = Object.keys(expected).map((name) => [name, stats(join(directory, name))])
    expect(Object.fromEntries(found)).toEqual(expected)
    const block = lstatSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.of(0xff)]))
    expect([block.isBlockDevice(), block.mode & 0o7777]).toEqual([true, 0o600])
    expect(attribute(join(directory, "ping"), "security.capability")).toBe(Buffer.from(capability).toString("latin1"))
    expect(attribute(join(directory, "d/f"), "user.containers.override_stat")).toBeUndefined()
    expect(lstatSync(join(directory, "l")).mtimeMs).toBeCloseTo(3000)
  }

  test("owners, full modes, devices, FIFOs and capabilities are real", () => {
    const directory = emptyRoot()
    expect(apply(directory, entries, { ownership: "chown" })).toEqual([])
    check(directory)
  })

  test("so they are where devices have to be made by the program mknod", () => {
    const directory = emptyRoot()
    withNative({ makeNode: undefined }, () => apply(directory, entries, { ownership: "chown" }))
    check(directory)
    expect(readdirSync(dirname(directory))).toEqual(["root"])
  })

  test.each([{}, { makeNode: undefined }])(
    "a device takes the place of what stood there, and gives it up again",
    (without) => {
      const directory = emptyRoot()
      withNative(without, () =>
        apply(
          directory,
          [
            file("a/b", "x"),
            device("a", 1, 3),
            symlink("b", "/etc/passwd"),
            device("b", 1, 5),
            device("c", 1, 7),
            file("c", "y")
          ],
          { ownership: "chown" }
        )
      )
      expect([stats(join(directory, "a")), stats(join(directory, "b"))]).toEqual(["20666 0 0 1:3", "20666 0 0 1:5"])
      expect(readFileSync(join(directory, "c"), "utf8")).toBe("y")
    }
  )

  test("an attribute that the system refuses is kept beside the layer, and takes no other with it", () => {
    const directory = emptyRoot()
    const xattrs = new Map([
      ["nonsense.a", Buffer.from("1")],
      ["user.b", Buffer.from("2")]
    ])
    const warnings = apply(directory, [file("f", "x", { xattrs })], { ownership: "chown" })
    expect(warnings.map(({ code }) => code)).toEqual(["AttributesRefused"])
    expect(attribute(join(directory, "f"), "user.b")).toBe("2")
    expect(besideOf(directory, "f")).toMatchObject({ attributes: [{ name: "nonsense.a", value64: "MQ==" }] })
  })

  test("without root it fails with the system's code", () => {
    const directory = emptyRoot()
    chmodSync(dirname(directory), 0o755)
    chownSync(directory, 65534, 65534)
    const error = thrown(() => asNobody(() => apply(directory, [file("f", "x", { uid: 1 })], { ownership: "chown" })))
    expect(error).toMatchObject({ _tag: "FileSystemFailed", code: "EPERM" })
  })

  test("no device, FIFO, owner or mode reaches what a link leads to", () => {
    const outside = temporary()
    apply(outside, [file("victim", "x", { mode: 0o640 }), dir("dir", { mode: 0o750 }), dir("root")], {
      ownership: "none"
    })
    const was = [snapshot(join(outside, "victim")), snapshot(join(outside, "dir"))]
    const targets = ["../victim", "../dir", `${outside}/victim`]
    for (const target of targets) {
      for (const over of [
        device("x", 1, 3),
        fifo("x"),
        file("x", "y", { mode: 0o4777, uid: 9 }),
        dir("x", { mode: 0o777, uid: 9 }),
        symlink("x", target, { uid: 9 }),
        link("y", "x", { uid: 9, mode: 0o777 })
      ]) {
        apply(join(outside, "root"), [symlink("x", target, { uid: 5 }), over], { ownership: "chown", layout: "rootfs" })
        expect([snapshot(join(outside, "victim")), snapshot(join(outside, "dir"))]).toEqual(was)
      }
    }
  })
})

describe.runIf(root && linux)("xattr", () => {
  test("an ordinary user extracts everything, and can remove it again", () => {
    const directory = emptyRoot()
    chmodSync(dirname(directory), 0o777)
    chownSync(directory, 65534, 65534)
    const entries = [
      dir("d", { mode: 0o555, uid: 1000 }),
      file("d/f", "x", { mode: 0, xattrs: new Map([["security.capability", capability]]) }),
      dir("tmp", { mode: 0o1777 }),
      file("tmp/f", "x", { mode: 0o4755 }),
      device("null", 1, 3),
      fifo("pipe"),
      link("h", "d/f"),
      file("d", "again"),
      file("h", "again")
    ]
    const warnings = asNobody(() => apply(directory, entries))
    expect(warnings.map(({ code }) => code)).toEqual(["AttributesDropped"])
    expect(outline(directory)).toEqual(["d = again", "h = again", "null = ", "pipe = ", "tmp/", "tmp/f = x"])
    expect(["tmp", "tmp/f", "null"].map((name) => statOf(directory, name))).toEqual([
      "0:0:041777",
      "0:0:0104755",
      "0:0:020666"
    ])
    expect(lstatSync(join(directory, "tmp/f")).uid).toBe(65534)
  })

  test("another program reads the attribute of every file and directory in the requested format", () => {
    const directory = emptyRoot()
    apply(directory, [dir("d"), file("d/\xc5\xbc", "x", { mode: 0o4755, uid: 3 }), device("null", 1, 3)], {
      statFormat: "containers"
    })
    const said = execFileSync(
      "getfattr",
      ["-R", "-n", "user.containers.override_stat", "--absolute-names", directory],
      { encoding: "utf8" }
    )
    expect([...said.matchAll(/override_stat="(.*)"/g)].map((match) => match[1]).sort()).toEqual([
      "0:0:0666:char-1-3",
      "0:0:0755:dir",
      "0:0:0755:dir",
      "3:0:4755:file"
    ])
  })
})

describe.runIf(linux)("names", () => {
  test("that are not UTF-8 stay byte for byte", () => {
    const directory = emptyRoot()
    apply(directory, [
      file("d\xff/\xfe\x80", "x"),
      symlink("d\xff/l", "\xfe\x80"),
      link("h", "d\xff/\xfe\x80"),
      file(bytes("żółw"), "y")
    ])
    const names = readdirSync(directory, { encoding: "buffer" }).map((name) => name.toString("latin1"))
    expect(names.sort()).toEqual(["d\xff", "h", bytes("żółw")].sort())
    const inner = Buffer.concat([Buffer.from(`${directory}/d`), Buffer.of(0xff)])
    expect(readdirSync(inner, { encoding: "buffer" }).map((name) => name.toString("latin1"))).toEqual(
      ["l", "\xfe\x80"].sort()
    )
    expect(readFileSync(join(directory, "h"), "utf8")).toBe("x")
  })

  test("are written into the file beside the layer byte for byte too", () => {
    const directory = emptyRoot()
    apply(directory, [symlink("\xff", "x", { uid: 4 })])
    expect(readFileSync(`${directory}.stat`, "utf8")).toBe('{"path64":"/w==","stat":"4:0:0120777"}\n')
    expect(besideOf(directory, "\xff")).toBeUndefined()
  })
})

test.runIf(root && linux)("a full disk is a reason that says so, and leaves no descriptor open", () => {
  const disk = temporary()
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k,nr_inodes=32", "tmpfs", disk])
  onTestFinished(() => {
    execFileSync("umount", [disk])
  })
  const before = readdirSync("/proc/self/fd").length
  const large = thrown(() => apply(disk, [file("f", "x".repeat(100_000))]))
  const many = thrown(() =>
    apply(
      disk,
      Array.from({ length: 40 }, (_, i) => file(`n${i}`))
    )
  )
  expect([large, many]).toMatchObject([
    { _tag: "FileSystemFailed", operation: "write", code: "ENOSPC" },
    { _tag: "FileSystemFailed", operation: "open", code: "ENOSPC" }
  ])
  expect(readdirSync("/proc/self/fd").length).toBe(before)
})
