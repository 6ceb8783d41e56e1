/** The image as a container sees it, from a registry and from the store. */
import { mkdir, readdir } from "node:fs/promises"
import { join } from "node:path"
import { firstValueFrom, lastValueFrom, toArray } from "rxjs"
import { describe, expect, test } from "vitest"
import type { Client } from "../../../src/client.ts"
import type { Entry } from "../../../src/read/entries/Entry.ts"
import {
  bigLayer,
  fault,
  image,
  nodeImage,
  randomImage,
  startRegistry,
  type TestRegistry,
  tar
} from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"
import { reasonOf } from "../../support/rejection.ts"

const base = () =>
  tar()
    .directory("etc")
    .file("etc/os-release", "old")
    .file("etc/passwd", "root")
    .directory("run", { mode: 0o1777 })
    .directory("var")
    .symlink("var/run", "/run")
    .directory("usr", { mode: 0o711, uid: 7, gid: 8, mtime: 1_600_000_000_123_456_789n })
    .file("usr/tool", "tool", { mode: 0o4755, uid: 1000, gid: 100, xattrs: { "user.a": Buffer.from("1") } })
    .hardLink("usr/same", "usr/tool")
    .directory("opt")
    .file("opt/gone", "x")
const middle = () =>
  tar().directory("etc").file("etc/os-release", "new").file("var/run/pid", "1").file("opt/.wh..wh..opq")
const top = () => tar().directory("usr2").file("usr2/x", "x").directory("usr", { mode: 0o700 }).file("usr/.wh.tool")

const expected = [
  "etc/",
  "etc/os-release = new",
  "etc/passwd = root",
  "opt/",
  "run/",
  "run/pid = 1",
  "usr/",
  "usr/same = tool",
  "usr2/",
  "usr2/x = x",
  "var/",
  "var/run -> /run"
]

const lineOf = async (entry: Entry): Promise<string> => {
  if (entry.type === "directory") return `${entry.path}/`
  if (entry.type === "symlink") return `${entry.path} -> ${entry.linkPath}`
  if (entry.type === "link") return `${entry.path} => ${entry.linkPath}`
  return `${entry.path} = ${await entry.text()}`
}

const treeOf = (oci: Client, reference: string, options: Parameters<Client["tree$"]>[1] = {}) =>
  lastValueFrom(oci.tree$(reference, options, lineOf).pipe(toArray())).then((lines) => lines.sort())

const blobsOf = (registry: TestRegistry) =>
  registry.log.where({ kind: "blob", method: "GET" }).map(({ path }) => path.slice(-64))

const layouts = ["layers", "overlay", "rootfs", "erofs"] as const

/** An archive of so many empty files. */
const count = (files: number) => {
  const archive = tar()
  for (let i = 0; i < files; i++) archive.file(`f${i}`, "")
  return archive
}

describe("from a registry", () => {
  test("each path comes once, as the highest layer that has it says", async () => {
    const made = await image({ layers: [base(), middle(), top()] })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await open()
    const reference = registry.reference("app:1")
    expect(await treeOf(oci, reference)).toEqual(expected)
    const read: Array<string> = []
    for await (const entry of oci.tree(reference)) read.push(await lineOf(entry))
    expect(read.toSorted()).toEqual(expected)
    expect(await oci.images()).toEqual([])
    expect(
      (await readdir(join(oci.root, "layers/.staging"), { recursive: true })).filter((it) => !it.endsWith(".lock"))
        .length
    ).toBeLessThan(2)
  })

  test("a directory comes before what is in it, and a hard link behind its file", async () => {
    const made = await image({ layers: [base(), tar().file("a/b/c", "1").hardLink("a/d", "usr/same")] })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await open()
    const seen = new Set<string>([""])
    for await (const { path, type, linkPath = "" } of oci.tree(registry.reference("app:1"))) {
      expect(seen).toContain(path.slice(0, Math.max(path.lastIndexOf("/"), 0)))
      if (type === "link") expect(seen).toContain(linkPath)
      expect(seen).not.toContain(path)
      seen.add(path)
    }
    expect(seen.size).toBeGreaterThan(12)
  })

  test("an entry has all that an archive needs", async () => {
    const made = await image({
      layers: [base(), tar("pax").characterDevice("null", 1, 3, { mode: 0o666 }).file("b\xff", "1")]
    })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await open()
    const all = new Map<string, Entry>()
    for await (const entry of oci.tree(registry.reference("app:1"))) all.set(entry.path, entry)
    expect(all.get("null")).toMatchObject({ type: "character-device", device: { major: 1, minor: 3 }, mode: 0o666 })
    expect(all.get("usr")).toMatchObject({ mode: 0o711, uid: 7, gid: 8, mtimeNs: 1_600_000_000_123_456_789n })
    expect(all.get("usr/tool")).toMatchObject({ mode: 0o4755, xattrs: new Map([["user.a", Buffer.from("1")]]) })
    expect(all.get("usr/same")).toMatchObject({ type: "link", rawLinkPath: "usr/tool" })
    expect(all.get("var/run")).toMatchObject({ type: "symlink", rawLinkPath: "/run" })
  })

  test("only what is wanted comes, under the names that strip leaves", async () => {
    const made = await image({ layers: [base(), middle(), top()] })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await open()
    const reference = registry.reference("app:1")
    expect(await treeOf(oci, reference, { only: ["/etc/", "var/run"] })).toEqual([
      "etc/",
      "etc/os-release = new",
      "etc/passwd = root",
      "var/run -> /run"
    ])
    expect(await treeOf(oci, reference, { only: "usr/same", strip: 1 })).toEqual(["same = tool"])
    expect(await treeOf(oci, reference, { only: "usr/tool" })).toEqual([])
    expect(await treeOf(oci, reference, { only: ["usr", "usr2"], strip: 1 })).toEqual(["same = tool", "x = x"])
    expect(await reasonOf(treeOf(oci, reference, { only: "../etc" }))).toMatchObject({ _tag: "InvalidOption" })
  })

  test("strip that makes one path of two is refused", async () => {
    const made = await image({ layers: [tar().file("a/x", "1").file("b/x", "2")] })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await open()
    const reference = registry.reference("app:1")
    expect(await reasonOf(treeOf(oci, reference, { strip: 1 }))).toMatchObject({
      _tag: "InvalidOption",
      option: "strip"
    })
    await oci.pull(reference)
    expect(await reasonOf(treeOf(oci, reference, { strip: 1 }))).toMatchObject({
      _tag: "InvalidOption",
      option: "strip"
    })
  })

  test("each layer is downloaded once, though its bytes are read twice", async () => {
    const made = await image({ layers: [base(), middle(), top()] })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await open()
    await treeOf(oci, registry.reference("app:1"))
    const blobs = blobsOf(registry)
    expect(blobs.length).toBe(new Set(blobs).size)
  })

  test("more entries than treeBytes allow are refused", async () => {
    const made = await image({ layers: [count(100)] })
    await using registry = await startRegistry({ images: { "app:1": made } })
    const bytes = Array.from({ length: 100 }, (_, i) => 256 + `f${i}`.length).reduce((sum, it) => sum + it, 0)
    await using at = await open({ limits: { treeBytes: bytes } })
    expect((await treeOf(at, registry.reference("app:1"))).length).toBe(100)
    await using past = await open({ limits: { treeBytes: bytes - 1 } })
    expect(await reasonOf(treeOf(past, registry.reference("app:1")))).toMatchObject({
      _tag: "LimitExceeded",
      limit: "treeBytes"
    })
  })

  test("directories that are only implied count too: 100 names imply 200 of them each", async () => {
    const archive = tar()
    for (let i = 0; i < 100; i++) archive.file(`${i}/${"d/".repeat(199)}f`)
    await using registry = await startRegistry({ images: { "app:1": await image({ layers: [archive] }) } })
    const reference = registry.reference("app:1")
    const names = Array.from({ length: 100 }, (_, i) => 256 + `${i}/${"d/".repeat(199)}f`.length)
    const treeBytes = names.reduce((sum, it) => sum + it, 0) + 100 * 200 * 256
    await using at = await open({ limits: { treeBytes } })
    expect((await at.list(reference)).length).toBe(100)
    await using past = await open({ limits: { treeBytes: treeBytes - 1 } })
    for (const call of [() => past.list(reference), () => treeOf(past, reference), () => past.readFile(reference, "x")])
      expect(await reasonOf(call())).toMatchObject({ _tag: "LimitExceeded", limit: "treeBytes" })
  })

  test("directories that are implied count once, however many merges are tried before the last layer is read", async () => {
    const layers = Array.from({ length: 5 }, (_, i) => tar().file(`${i}/${"d/".repeat(59)}f`))
    await using registry = await startRegistry({ images: { "app:1": await image({ layers }) } })
    const reference = registry.reference("app:1")
    const treeBytes = 5 * (256 + `0/${"d/".repeat(59)}f`.length + 60 * 256)
    await using at = await open({ limits: { treeBytes } })
    expect((await at.list(reference)).length).toBe(5)
    await using past = await open({ limits: { treeBytes: treeBytes - 1 } })
    expect(await reasonOf(past.list(reference))).toMatchObject({ _tag: "LimitExceeded", limit: "treeBytes" })
  })

  test("a layer that is read again, for what a mirror sent wrongly, counts once", async () => {
    const made = await image({ layers: [count(100)] })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using mirror = await startRegistry({ images: { "app:1": made } })
    const { digest = "", size = 0 } = made.manifests[0]?.layers[0] ?? {}
    mirror.fault({ kind: "blob", reference: digest }, fault.otherByte(size - 1))
    const treeBytes = Array.from({ length: 100 }, (_, i) => 256 + `f${i}`.length).reduce((sum, it) => sum + it, 0)
    const hosts = { [registry.host]: { mirrors: [`http://${mirror.host}`] } }
    await using at = await open({ limits: { treeBytes }, hosts })
    expect((await treeOf(at, registry.reference("app:1"))).length).toBe(100)
    expect(mirror.log.count({ kind: "blob", reference: digest })).toBe(1)
    expect(registry.log.count({ kind: "blob", reference: digest })).toBe(1)
    await using past = await open({ limits: { treeBytes: treeBytes - 1 }, hosts })
    expect(await reasonOf(treeOf(past, registry.reference("app:1")))).toMatchObject({ limit: "treeBytes" })
  })

  test("leaving in the middle of a file ends the reading, and the client closes", async () => {
    const made = await image({ layers: [await bigLayer({ size: 64 * 2 ** 20, compression: "none" })] })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await open({ workers: 1 })
    const first$ = oci.tree$(registry.reference("app:1"), {}, ({ body$ }) => body$)
    expect((await firstValueFrom(first$)).length).toBeGreaterThan(0)
    await oci.settled()
    expect(
      await oci.readFile(registry.reference("app:1"), "big", { encoding: "utf8" }).catch((error) => error.reason)
    ).toMatchObject({
      _tag: "LimitExceeded",
      limit: "bodyBytes"
    })
  })
})

describe("one file", () => {
  const links = () =>
    tar()
      .symlink("os", "var/run/../../etc/os-release")
      .symlink("loop", "loop")
      .symlink("up", "../../../../etc/passwd")
      .symlink("dangling", "/nowhere/at/all")
      .fifo("pipe")

  test("is read through links of its parents and of its own, and is what a container sees", async () => {
    const made = await image({ layers: [base(), middle(), top(), links()] })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await open()
    const reference = registry.reference("app:1")
    const from = async (oci: Client) => {
      const read = (path: string) => oci.readFile(reference, path, { encoding: "utf8" })
      expect(await read("etc/os-release")).toBe("new")
      expect(await read("/etc/os-release")).toBe("new")
      expect(await read("var/run/pid")).toBe("1")
      expect(await read("os")).toBe("new")
      expect(await read("up")).toBe("root")
      expect(await read("usr/../etc//./passwd")).toBe("root")
      expect(await oci.readFile(reference, "usr/same")).toEqual(Buffer.from("tool"))
      const reason = (path: string) => reasonOf(read(path))
      expect(await reason("etc/app/config")).toMatchObject({
        _tag: "NotInImage",
        path: "etc/app/config",
        missing: "etc/app"
      })
      expect(await reason("usr/tool")).toMatchObject({ _tag: "NotInImage", missing: "usr/tool" })
      expect(await reason("opt/gone")).toMatchObject({ _tag: "NotInImage", missing: "opt/gone" })
      expect(await reason("dangling")).toMatchObject({ _tag: "NotInImage", missing: "nowhere" })
      expect(await reason("loop")).toMatchObject({ _tag: "UnsuitablePath", code: "ELOOP" })
      expect(await reason("etc")).toMatchObject({ _tag: "UnsuitablePath", code: "EISDIR" })
      expect(await reason("/")).toMatchObject({ _tag: "UnsuitablePath", code: "EISDIR" })
      expect(await reason("etc/passwd/x")).toMatchObject({ _tag: "UnsuitablePath", code: "ENOTDIR" })
      expect(await reason("etc/passwd/")).toMatchObject({ _tag: "UnsuitablePath", code: "ENOTDIR" })
      expect(await reason("pipe")).toMatchObject({ _tag: "UnsuitablePath", code: "EINVAL" })
    }
    await from(oci)
    for (const layout of layouts) {
      await using stored = await open({ layout })
      await stored.pull(reference)
      const before = registry.log.all.length
      await from(stored)
      expect(registry.log.all.slice(before)).toEqual([])
    }
  })

  test.each([
    ["etc/os-release", 2],
    ["usr2/x", 1],
    ["usr/tool", 1],
    ["opt/gone", 2],
    ["etc/passwd", 3]
  ])("%s downloads the layers above it and its own: %i", async (path, count) => {
    const lowest = base()
    const made = await image({
      layers: [
        lowest,
        tar().directory("etc").file("etc/os-release", "new").directory("opt").file("opt/.wh..wh..opq"),
        top()
      ]
    })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await open()
    await oci.readFile(registry.reference("app:1"), path).catch(() => {})
    const layers = new Set(made.manifests[0]?.layers.map(({ digest }) => digest.slice(-64)))
    expect(blobsOf(registry).filter((digest) => layers.has(digest)).length).toBe(count)
  })

  test("of a real image downloads no blob twice, and from the store none", async () => {
    await using registry = await startRegistry({ images: { "node:1": await nodeImage() } })
    await using oci = await open()
    const reference = registry.reference("node:1")
    expect(await oci.readFile(reference, "etc/os-release", { encoding: "utf8" })).toContain("ociflow-demo")
    const blobs = blobsOf(registry)
    expect(blobs.length).toBe(new Set(blobs).size)
    await oci.pull(reference)
    const before = registry.log.all.length
    expect(await oci.readFile(reference, "etc/os-release", { encoding: "utf8" })).toContain("ociflow-demo")
    expect(registry.log.all.slice(before)).toEqual([])
  })
})

describe("a directory", () => {
  test("is listed by name, through links, and a file lists itself", async () => {
    const made = await image({ layers: [base(), middle(), top()] })
    await using registry = await startRegistry({ images: { "app:1": made } })
    const reference = registry.reference("app:1")
    await using remote = await open()
    const clients: Array<Client> = [remote]
    /** Whose directories are those of single layers: one that is a link beneath replaces it, as in an overlay mount. */
    const stacked = new Set<Client>()
    for (const layout of layouts) {
      const client = await open({ layout })
      await client.pull(reference)
      clients.push(client)
      if (layout === "layers" || layout === "overlay") stacked.add(client)
    }
    for (const oci of clients) {
      const names = async (path?: string) => (await oci.list(reference, path)).map((it) => it.path)
      expect(await names()).toEqual(["etc", "opt", "run", "usr", "usr2", "var"])
      expect(await names("var/run/")).toEqual([stacked.has(oci) ? "var/run/pid" : "run/pid"])
      expect(await names("opt")).toEqual([])
      expect(await oci.list(reference, "etc/passwd")).toMatchObject([{ path: "etc/passwd", type: "file", size: 4 }])
      expect(await oci.list(reference, "usr")).toMatchObject([{ path: "usr/same", uid: 1000, gid: 100, mode: 0o4755 }])
      expect(await reasonOf(oci.list(reference, "nowhere"))).toMatchObject({ _tag: "NotInImage" })
    }
    for (const oci of clients.slice(1)) await oci[Symbol.asyncDispose]()
  })
})

/** All facts, in one line. */
const factsOf = async ({
  rawPath,
  type,
  mode,
  uid,
  gid,
  size,
  mtimeNs,
  xattrs,
  device,
  rawLinkPath,
  ...entry
}: Entry) => {
  const body = type === "file" ? Buffer.from(await entry.bytes()).toString("base64") : ""
  const time = type === "directory" ? "" : String(mtimeNs)
  const attributes = [...xattrs].map(([name, value]) => `${name}=${Buffer.from(value).toString("hex")}`).sort()
  return JSON.stringify([
    rawPath,
    type,
    type === "symlink" ? 0 : mode,
    uid,
    gid,
    size,
    time,
    attributes,
    device,
    rawLinkPath,
    body
  ])
}

/** Which paths are one inode: whichever of them came first. */
const facts = async (oci: Client, reference: string) => {
  const lines = await lastValueFrom(oci.tree$(reference, {}, factsOf).pipe(toArray()))
  const parsed = lines.map((line) => JSON.parse(line) as Array<unknown>)
  const inode = new Map<unknown, Array<unknown>>()
  for (const it of parsed) if (it[1] !== "link") inode.set(it[0], it)
  const groups = new Map<unknown, Array<unknown>>()
  for (const it of parsed)
    groups.set(it[1] === "link" ? it[9] : it[0], [...(groups.get(it[1] === "link" ? it[9] : it[0]) ?? []), it[0]])
  return parsed
    .map((it) => {
      const first = it[1] === "link" ? it[9] : it[0]
      return JSON.stringify([it[0], (groups.get(first) ?? []).toSorted(), inode.get(first)?.slice(1)])
    })
    .sort()
}

test.each(layouts)("random images are the same tree from the registry as from the store: %s", async (layout) => {
  await using registry = await startRegistry()
  await using remote = await open()
  await using oci = await open({ layout })
  await mkdir(join(oci.root), { recursive: true })
  for (let seed = 0; seed < 6; seed++) {
    const reference = registry.reference(`random:${seed}`)
    registry.add(`random:${seed}`, await randomImage(`tree ${seed}`, { layers: 1 + (seed % 4) }))
    await oci.pull(reference)
    expect(await facts(oci, reference), `seed ${seed}`).toEqual(await facts(remote, reference))
  }
})
