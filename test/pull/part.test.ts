/** A part of an image in a directory of its own: `pull` with `only` and `strip`. */
import { readdir, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import type { PartOptions, PullerOptions } from "../../src/api/config.ts"
import type { PullEvent } from "../../src/api/events.ts"
import { fault, image, Prng, startRegistry, tar } from "../../src/testing/index.ts"
import { archiveAttributes, outline, statOf } from "../support/diskTree.ts"
import { open, type TestClient, temporaryRoot } from "../support/open.ts"
import { reasonOf, rejection } from "../support/rejection.ts"

const opened = (options: PullerOptions = {}) => open({ layout: "rootfs", ...options })
const bytes = (seed: string, size: number) => new Prng(seed).bytes(size)

/** A stripped path once, bodies and targets with it: what `outline` says of a directory. */
const outlineOf = async (oci: TestClient, reference: string, part: PartOptions) => {
  const bodies = new Map<string, string>()
  const lines: Array<string> = []
  for await (const entry of oci.tree(reference, part)) {
    const { path, type, linkPath = "" } = entry
    if (type === "directory") lines.push(`${path}/`)
    else if (type === "symlink") lines.push(`${path} -> ${linkPath}`)
    else {
      bodies.set(path, type === "link" ? (bodies.get(linkPath) ?? "") : await entry.text())
      lines.push(`${path} = ${bodies.get(path)}`)
    }
  }
  return lines.sort()
}

/** Trees that the store has, and what a call left in its staging directory. */
const left = async ({ root }: TestClient) => ({
  trees: (await readdir(join(root, "layers"))).filter((it) => it.endsWith(".rootfs")),
  staged: (await readdir(join(root, "layers/.staging"), { recursive: true }).catch(() => [])).filter((name) =>
    name.includes("/")
  )
})

const lower = tar()
  .directory("usr/", { mode: 0o700 })
  .directory("usr/lib/", { mode: 0o750, uid: 3, mtime: 1_000_000_000n * 7n })
  .file("usr/lib/old", "hidden")
  .file("usr/bin/tool", "tool", { mode: 0o4755, uid: 7 })
  .hardLink("usr/lib/tool", "usr/bin/tool")
  .file("usr/lib/kept", "lower")
  .symlink("usr/lib/link", "../bin/tool")
  .file("etc/passwd", "root")
const upper = tar()
  .file("usr/lib/.wh.old")
  .file("usr/lib/kept", "upper")
  .file("usr/bin/tool", "replaced")
  .file("b", "b")

const images = async () => ({ "app:1": await image({ layers: [lower, upper] }) })

describe("a part of an image", () => {
  test.each<PartOptions>([
    { only: "usr/lib", strip: 1 },
    { only: "usr/lib" },
    { only: ["usr/lib/kept", "etc"] },
    { strip: 1 },
    { only: "usr/bin/tool", strip: 2 },
    { only: "srv" }
  ])("has what the tree with %j has, and no more", async (part) => {
    await using registry = await startRegistry({ images: await images() })
    await using oci = await opened()
    await using other = await open()
    const reference = registry.reference("app:1")
    const { rootfs: path = "", layers, cached } = await oci.pull(reference, part)
    const expected = new Set(await outlineOf(other, reference, part))
    // Directories above are made where they are needed.
    for (const line of outline(path)) if (!expected.delete(line)) expect(line).toMatch(/^(?:usr|etc)(?:\/lib)?\/$/)
    expect([...expected]).toEqual([])
    expect(layers.map((layer) => layer.path)).toEqual([path, path])
    expect(cached).toBe(false)
    expect(await left(oci)).toMatchObject({ trees: [path.split("/").at(-1)], staged: [] })
  })

  test("has the owners, modes and times of the tree; above it, those of a directory that no layer describes", async () => {
    await using registry = await startRegistry({ images: await images() })
    await using oci = await opened()
    const { rootfs: path = "" } = await oci.pull(registry.reference("app:1"), { only: "usr/lib" })
    expect(statOf(path, "usr/lib")).toBe("3:0:040750")
    expect(statOf(path, "usr")).toBe("0:0:040755")
    expect((await stat(join(path, "usr/lib"))).mtimeMs).toBe(7000)
    expect((await stat(join(path, "usr"))).mtimeMs).toBe(0)
    expect(statOf(path, "")).toBe("0:0:040755")
    // The old content of a name that is outside: one inode had two names.
    expect(statOf(path, "usr/lib/tool")).toBe("7:0:0104755")
  })

  test("has hard links to each other as links, and bodies of any size, holes, attributes, nodes and odd names", async () => {
    const big = bytes("big", 700_000).toString("latin1")
    const odd = tar()
      .file("a/.wh.x/inner", "in a directory whose name is a whiteout's")
      .file("a/x", "not hidden by it")
      .file("a/big", Buffer.from(big, "latin1"), { xattrs: { "user.one": Buffer.from("1") } })
      .hardLink("a/again", "a/big")
      .hardLink("outside", "a/big")
      .file("a/none")
      .hardLink("a/none-either", "a/none")
      .sparse("a/sparse", 2 ** 26, [[0, "head"]], "pax-1.0")
      .fifo("a/pipe")
    await using registry = await startRegistry({ images: { "odd:1": await image({ layers: [odd] }) } })
    await using oci = await opened()
    const { rootfs: path = "" } = await oci.pull(registry.reference("odd:1"), { only: "a", strip: 1 })
    expect((await readdir(path)).sort()).toEqual(
      [".wh.x", "again", "big", "none", "none-either", "pipe", "sparse", "x"].sort()
    )
    const of = (name: string) => stat(join(path, name))
    expect((await of("big")).ino).toBe((await of("again")).ino)
    expect((await of("big")).nlink).toBe(2)
    expect((await of("none")).ino).toBe((await of("none-either")).ino)
    expect((await of("sparse")).size).toBe(2 ** 26)
    expect((await of("sparse")).blocks * 512).toBeLessThan(2 ** 20)
    expect(archiveAttributes(path, "big")).toEqual({ "user.one": "1" })
    expect(await readdir(join(path, ".wh.x"))).toEqual(["inner"])
  })

  test("downloads the layers that it needs; one of the whole image is never served for it, nor it for that", async () => {
    const made = await image({ layers: [lower, upper, { files: { top: "top" } }] })
    const digests = made.manifests[0]?.layers.map(({ digest }) => digest) ?? []
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await opened()
    const reference = registry.reference("app:1")
    const blobs = () => digests.map((digest) => registry.log.count({ kind: "blob", reference: digest }))
    const events: Array<PullEvent> = []
    const part = await oci.pull(reference, { only: "top", onEvent: (event) => events.push(event) })
    expect(blobs()).toEqual([0, 0, 1])
    expect(events.filter(({ _tag }) => _tag !== "LayerProgress").map(({ _tag }) => _tag)).toEqual([
      ...["Resolving", "Resolved", "LayerStarted", "LayerDone", "Pulled"]
    ])
    expect(await reasonOf(oci.pull(reference, { policy: "never" }))).toMatchObject({
      _tag: "NotCached",
      problem: "only a part of it was pulled"
    })
    expect(await reasonOf(oci.pull(reference, { only: "b", policy: "never" }))).toMatchObject({
      problem: "this part of it was not pulled"
    })
    const whole = await oci.pull(reference)
    expect(blobs()).toEqual([1, 1, 2])
    expect(whole.rootfs).not.toBe(part.rootfs)
    expect(outline(part.rootfs ?? "")).toEqual(["top = top"])
    expect(outline(whole.rootfs ?? "")).toContain("b = b")
    registry.log.clear()
    for (const policy of ["missing", "never", "always"] as const) {
      expect(await oci.pull(reference, { only: "top", policy })).toEqual({ ...part, cached: true })
      expect(await oci.pull(reference, { policy })).toEqual({ ...whole, cached: true })
    }
    expect(blobs()).toEqual([0, 0, 0])
    expect((await oci.pull(reference, { only: ["b"], policy: "missing" })).rootfs).not.toBe(part.rootfs)
  })

  test("is the same part, however it is written", async () => {
    await using registry = await startRegistry({ images: await images() })
    await using oci = await opened()
    const reference = registry.reference("app:1")
    const { rootfs } = await oci.pull(reference, { only: ["etc", "usr/lib"] })
    for (const only of [
      ["usr/lib", "etc"],
      ["/usr/lib/", "./etc", "etc/passwd"]
    ])
      expect(await oci.pull(reference, { only, policy: "never" })).toMatchObject({ rootfs, cached: true })
    const whole = await oci.pull(reference, { only: ["/", "etc"] })
    expect(whole.rootfs).toBe(join(oci.root, "layers", `${whole.manifestDigest}.rootfs`))
    expect(await oci.pull(reference, { policy: "never", strip: 0 })).toMatchObject({ cached: true })
  })

  test.each([
    ["layers", { only: "usr" }, "only"],
    ["overlay", { only: ["usr"] }, "only"],
    ["layers", { strip: 1 }, "strip"]
  ] as const)("is refused in the layout %s: %j", async (layout, part, option) => {
    await using registry = await startRegistry({ images: await images() })
    await using oci = await open({ layout })
    const refused = { _tag: "InvalidOption", option, problem: expect.stringContaining("`rootfs`") }
    expect(await reasonOf(oci.pull(registry.reference("app:1"), part))).toMatchObject(refused)
    expect(await reasonOf(oci.hold(registry.reference("app:1"), part))).toMatchObject(refused)
    expect(registry.log.all).toEqual([])
  })

  test("fails where `strip` makes one path of two, and leaves nothing", async () => {
    const made = await image({ layers: [tar().file("a/x", "1").file("b/x", "2")] })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await opened()
    expect(await reasonOf(oci.pull(registry.reference("app:1"), { strip: 1 }))).toMatchObject({
      _tag: "InvalidOption",
      option: "strip"
    })
    expect(await left(oci)).toEqual({ trees: [], staged: [] })
    expect(await oci.images()).toEqual([])
  })

  test("a layer that proves wrong publishes nothing; cancelled, nothing is left, and the next pull ends right", async () => {
    const made = await image({ layers: [{ files: { a: bytes("a", 300_000) } }] })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await opened()
    const reference = registry.reference("app:1")
    const { digest: wrong = "" } = made.manifests[0]?.layers[0] ?? {}
    registry.fault({ kind: "blob", reference: wrong, times: 1 }, fault.otherByte(200_000))
    expect(await reasonOf(oci.pull(reference, { only: "a" }))).toMatchObject({ _tag: "DigestMismatch" })
    for (const until of ["LayerStarted", "LayerProgress"]) {
      const abort = new AbortController()
      const pulling = oci.pull(reference, {
        only: "a",
        signal: abort.signal,
        onEvent: ({ _tag }) => _tag === until && abort.abort(new Error("enough"))
      })
      expect(await rejection(pulling)).toMatchObject({ message: "enough" })
    }
    expect(await left(oci)).toEqual({ trees: [], staged: [] })
    const { rootfs = "" } = await oci.pull(reference, { only: "a" })
    expect((await stat(join(rootfs, "a"))).size).toBe(300_000)
    expect(await left(oci)).toMatchObject({ staged: [] })
  })

  test("two clients that pull it at once download it once", async () => {
    const made = await image({ layers: [{ files: { a: bytes("a", 300_000) } }] })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using home = await temporaryRoot()
    await using one = await opened({ root: home.root })
    await using two = await opened({ root: home.root })
    const pulls = await Promise.all([one, one, two].map((oci) => oci.pull(registry.reference("app:1"), { only: "a" })))
    expect(new Set(pulls.map(({ rootfs }) => rootfs)).size).toBe(1)
    expect(registry.log.count({ kind: "blob", reference: made.manifests[0]?.layers[0]?.digest ?? "" })).toBe(1)
  })
})

describe("the catalogue of parts", () => {
  test("images and inspect name it; verify finds that it was changed, and that it is missing", async () => {
    await using registry = await startRegistry({ images: await images() })
    await using oci = await opened()
    const pulled = await oci.pull(registry.reference("app:1"), { only: "etc" })
    const { rootfs = "", reference } = pulled
    expect(await oci.images()).toMatchObject([{ reference, layers: 2 }])
    const [manifest] = (await oci.inspect(reference)).manifests
    expect(manifest).toMatchObject({ complete: false, parts: [rootfs] })
    expect(manifest?.layers.map(({ diffId }) => diffId)).toEqual(pulled.config.diffIds)
    expect(await oci.verify()).toEqual({ faults: [], unknown: [], repaired: [] })
    await writeFile(join(rootfs, "etc/passwd"), "toor")
    expect((await oci.verify()).faults).toMatchObject([{ digest: pulled.manifestDigest, path: rootfs }])
    await rm(rootfs, { recursive: true })
    const { faults } = await oci.verify({ repair: true })
    expect(faults).toMatchObject([{ digest: pulled.manifestDigest, variant: expect.stringMatching(/^part-/) }])
    expect(faults[0]?.problem).toContain("is missing")
  })

  test("rm removes it with the image, and prune keeps it; a held one stays", async () => {
    await using registry = await startRegistry({ images: await images() })
    await using oci = await opened()
    const reference = registry.reference("app:1")
    const { rootfs = "" } = await oci.pull(reference, { only: "etc" })
    expect(await reasonOf(oci.hold(reference))).toMatchObject({ problem: "only a part of it was pulled" })
    expect(await oci.prune()).toMatchObject({ images: [], layers: [] })
    const held = await oci.hold(reference, { only: "etc" })
    expect(held.image.rootfs).toBe(rootfs)
    expect(await oci.remove(reference)).toMatchObject({ deferred: true, layers: [] })
    expect(outline(rootfs)).toContain("etc/passwd = root")
    await held.release()
    expect((await oci.prune()).layers).toHaveLength(1)
    await oci.pull(reference, { only: "etc" })
    await oci.pull(reference)
    expect((await oci.usage()).byImage).toHaveLength(1)
    expect(await oci.remove(reference)).toMatchObject({ deferred: false })
    expect((await left(oci)).trees).toEqual([])
  })

  test("a catalogue that is lost is rebuilt with it", async () => {
    await using registry = await startRegistry({ images: await images() })
    await using home = await temporaryRoot()
    const reference = registry.reference("app:1")
    const pulled = await (async () => {
      await using oci = await opened({ root: home.root })
      return await oci.pull(reference, { only: "etc" })
    })()
    for (const name of ["oci.db", "oci.db.spare"]) await rm(join(home.root, name), { force: true })
    await using oci = await opened({ root: home.root })
    expect(await oci.pull(reference, { only: "etc", policy: "never" })).toEqual({ ...pulled, cached: true })
    expect(await reasonOf(oci.pull(reference, { policy: "never" }))).toMatchObject({ _tag: "NotCached" })
  })

  test("what a config says of a layer that no part needed is not believed later", async () => {
    const [one, two] = [{ files: { one: "1" } }, { files: { two: "2" } }]
    const top = { files: { top: "" } }
    const honest = await image({ layers: [one, two] })
    const [first = "", second = "", third = ""] =
      (await image({ layers: [one, two, top] })).manifests[0]?.layers.map(({ diffId }) => diffId) ?? []
    const lying = await image({
      layers: [one, two, top],
      config: { rootfs: { type: "layers", diff_ids: [second, first, third] } }
    })
    await using registry = await startRegistry({ images: { "lying:1": lying, "honest:1": honest } })
    await using home = await temporaryRoot()
    await using oci = await opened({ root: home.root })
    await oci.pull(registry.reference("lying:1"), { only: "top" })
    const pulled = await oci.pull(registry.reference("honest:1"))
    expect(pulled.layers.map(({ diffId }) => diffId)).toEqual([first, second])
    // Its layers are there, extracted for the other image: they are not what it says.
    await using layers = await open({ root: home.root })
    await layers.pull(registry.reference("honest:1"))
    expect(await reasonOf(layers.pull(registry.reference("lying:1")))).toMatchObject({ _tag: "DigestMismatch" })
    expect(await reasonOf(oci.pull(registry.reference("lying:1")))).toMatchObject({ _tag: "DigestMismatch" })
  })
})
