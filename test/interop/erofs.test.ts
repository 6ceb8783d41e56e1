/**
 * EROFS images as root: `fsck.erofs` finds nothing, and the tree that the kernel mounts is the one that was written, by names,
 * bytes, owners, modes, times, attributes, devices, and which names are one inode. `EROFS_TREES` says how many random trees,
 * hostile ones, and `EROFS_SEED` with which seed.
 */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import fc from "fast-check"
import { expect, test } from "vitest"
import type { EntryHeader } from "../../src/layer/Entry.ts"
import { typeBits } from "../../src/layer/metadata/overrideStat.ts"
import { implied } from "../../src/layer/metadata/ownership.ts"
import { randomImage, startRegistry } from "../../src/testing/index.ts"
import { device, dir, fifo, file, link, symlink, type TestEntry, temporary } from "../support/entries.ts"
import { imageOf } from "../support/erofsImage.ts"
import { open } from "../support/open.ts"
import { randomTree } from "../support/randomTree.ts"
import { run } from "./support/oracle.ts"
import { differences, type Node, readTree, withGroups } from "./support/tree.ts"

const count = Number(process.env["EROFS_TREES"] ?? 100)
const seed = process.env["EROFS_SEED"]

/** glibc's `st_rdev`. */
const rdevOf = ({ type, devMajor, devMinor }: EntryHeader) =>
  type.endsWith("-device") ? (devMajor << 8) | (devMinor & 0xff) | ((devMinor & 0xfff00) * 2 ** 12) : 0

const isUtf8 = (path: string) => Buffer.from(Buffer.from(path, "latin1").toString()).equals(Buffer.from(path, "latin1"))

const nodeOf = ({ body = new Uint8Array(), ...header }: TestEntry): Node => {
  const { path, type, mode, uid, gid, mtime, linkPath, size, xattrs } = header
  // `readTree` asks files and directories alone.
  const asked = (type === "file" || type === "directory") && isUtf8(path) ? [...xattrs] : []
  return {
    kind: type,
    // Linux keeps no mode for a symbolic link.
    mode: typeBits[type] | (type === "symlink" ? 0o777 : mode),
    uid,
    gid,
    rdev: rdevOf(header) >>> 0,
    mtime: BigInt(mtime.seconds) * 1_000_000_000n + BigInt(mtime.nanos),
    size: type === "symlink" ? linkPath.length : size,
    ...(type === "file" ? { content: createHash("sha256").update(body).digest("hex") } : {}),
    ...(type === "symlink" ? { target: linkPath } : {}),
    xattrs: Object.fromEntries(
      asked
        .map(([name, value]) => [name, Buffer.from(value).toString("latin1")] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1))
    )
  }
}

/** What `readTree` gives of a tree that has these entries. */
const expectedOf = (entries: ReadonlyArray<TestEntry>): Map<string, Node> => {
  const nodes = new Map([[".", nodeOf({ ...implied, path: "." })]])
  for (const entry of entries) {
    const { path, type, linkPath } = entry
    for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) {
      const above = path.slice(0, at)
      if (!nodes.has(above)) nodes.set(above, nodeOf({ ...implied, path: above }))
    }
    const target = nodes.get(linkPath)
    if (type !== "link") nodes.set(path, nodeOf(entry))
    else if (target !== undefined) {
      const same = target.same ?? linkPath
      nodes.set(linkPath, { ...target, same })
      // Whether an attribute is seen depends on the name that it is asked by.
      const first = entries.find((it) => it.path === same)
      nodes.set(path, { ...nodeOf({ ...(first ?? entry), path }), same })
    }
  }
  return withGroups(nodes)
}

const everything = ({ mtime, ...node }: Node) => ({ ...node, mtime: mtime.toString() })

const mounted = <A>(image: string, use: (point: string) => A): A => {
  const point = `${image}.mounted`
  mkdirSync(point, { recursive: true })
  run("mount", "-t", "erofs", "-o", "loop,ro", image, point)
  try {
    return use(point)
  } finally {
    run("umount", point)
  }
}

const check = async (directory: string, name: string, entries: ReadonlyArray<TestEntry>) => {
  const image = join(directory, `${name}.erofs`)
  writeFileSync(image, await imageOf(entries))
  run("fsck.erofs", image)
  const found = mounted(image, (point) => withGroups(readTree(point)))
  expect(differences(found, expectedOf(entries), everything), name).toEqual([])
  return image
}

const capability = Buffer.from("0100000200040000000000000000000000000000", "hex")
const everyone = Buffer.from(
  "0200000001000700ffffffff0200060039300000040005" + "00ffffffff10000700ffffffff20000500ffffffff",
  "hex"
)

test("every kind of entry is what it was, for fsck.erofs, for the kernel, and for fsck.erofs that extracts it", async () => {
  const directory = temporary()
  const entries = [
    dir(".", { mode: 0o751, uid: 3, mtime: { seconds: 5, nanos: 6 } }),
    dir("etc", {
      mode: 0o1750,
      uid: 70_000,
      gid: 4_294_967_294,
      mtime: { seconds: 1_700_000_000, nanos: 123_456_789 }
    }),
    file("etc/passwd", "root", {
      mode: 0o4755,
      mtime: { seconds: -2, nanos: 5 },
      xattrs: new Map([
        ["security.capability", capability],
        ["trusted.overlay.opaque", Buffer.from("y")],
        ["user.long", Buffer.alloc(60_000, "long")],
        ["user.none", Buffer.alloc(0)]
      ])
    }),
    link("etc/shadow", "etc/passwd"),
    file("acl", "a", { mode: 0o675, xattrs: new Map([["system.posix_acl_access", everyone]]) }),
    ...[1, 4031, 4032, 4033, 4095].map((length) => symlink(`link-${length}`, "t".repeat(length))),
    ...[0, 1, 4032, 4033, 4095, 4096, 4097, 123_456].map((length) => file(`file-${length}`, "f".repeat(length))),
    device("null", 1, 3),
    device("disk", 4095, 1_048_575, { type: "block-device", mode: 0o6640 }),
    fifo("pipe", { mode: 0o622 }),
    file("implied/by/this", "x")
  ]
  const image = await check(directory, "kinds", entries)
  const extracted = join(directory, "extracted")
  run("fsck.erofs", `--extract=${extracted}`, "--preserve", image)
  // erofs-utils 1.5 restores neither attributes nor setuid bits nor, of a hard link, that it is one; and of a symbolic link no time.
  const withoutMore = ({ xattrs, same, mtime, mode, ...node }: Node) =>
    node.kind === "symlink" ? node : { ...node, mode: mode & ~0o6000, mtime: mtime.toString() }
  const beneath = (tree: Map<string, Node>) => new Map([...tree].filter(([path]) => path !== "."))
  expect(differences(beneath(readTree(extracted)), beneath(expectedOf(entries)), withoutMore)).toEqual([])
  // All names but the hard link's.
  const inodes = expectedOf(entries).size - 1
  expect(run("dump.erofs", "-s", image)).toMatch(new RegExp(`inode count:\\s+${inodes}\\b[\\s\\S]*sb_csum mtime`))
})

test("an inode without attributes that ends where its block does is not the end of the image", async () => {
  const directory = temporary()
  // Inode and attributes take 4032 bytes, and the other inode the last 64.
  const large = file("a", "", { xattrs: new Map([["user.large", Buffer.alloc(3941)]]) })
  for (const [name, entries] of [
    ["tight", [large, device("b", 1, 3)]],
    ["behind", [large, device("b", 1, 3), file("c", "c")]]
  ] as const)
    await check(directory, name, entries)
})

test(`${count} random trees, hostile ones, are mounted as they were written, and fsck.erofs finds nothing`, async () => {
  const directory = temporary()
  let made = 0
  await fc.assert(
    fc.asyncProperty(randomTree, async (entries) => {
      await check(directory, `random-${made++ % 2}`, entries)
    }),
    { numRuns: count, ...(seed === undefined ? {} : { seed: Number(seed) }) }
  )
}, 1_800_000)

test("images of layers are mounted as the tree that is read of them", async () => {
  const directory = temporary()
  await using registry = await startRegistry()
  await using oci = await open()
  for (let image = 0; image < Math.ceil(count / 20); image++) {
    registry.add(`random:${image}`, await randomImage(`erofs ${image}`))
    const entries: Array<TestEntry> = []
    for await (const entry of oci.tree(registry.reference(`random:${image}`))) {
      const { rawPath: path, rawLinkPath: linkPath = "", mtimeNs, device: numbers, ...facts } = entry
      entries.push({
        ...facts,
        path,
        linkPath,
        mtime: {
          seconds: Number(
            (mtimeNs - (((mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n)) / 1_000_000_000n
          ),
          nanos: Number(((mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n)
        },
        devMajor: numbers?.major ?? 0,
        devMinor: numbers?.minor ?? 0,
        body: entry.type === "file" ? await entry.bytes() : Buffer.alloc(0)
      } as TestEntry)
    }
    await check(directory, `image-${image}`, entries)
  }
})

test("the image's superblock is vouched for: with a byte changed, the kernel refuses it", async () => {
  const directory = temporary()
  const image = await imageOf([file("f", "1")])
  image[1024 + 40] = 1
  const path = join(directory, "changed.erofs")
  writeFileSync(path, image)
  mkdirSync(join(directory, "point"))
  const mount = () =>
    execFileSync("mount", ["-t", "erofs", "-o", "loop,ro", path, join(directory, "point")], { stdio: "pipe" })
  expect(mount).toThrow()
})
