/** The layout `erofs`: the disk image that an export makes, as a tree of the store. */
import { mkdir, open as openFile, readdir, readFile, stat, truncate, utimes, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { lastValueFrom, toArray } from "rxjs"
import { describe, expect, test } from "vitest"
import type { PartOptions, PullerOptions } from "../../src/api/config.ts"
import type { PullEvent } from "../../src/api/events.ts"
import { lowerdir } from "../../src/index.ts"
import { fault, image, Prng, randomImage, startRegistry, tar } from "../../src/testing/index.ts"
import { open, type TestClient, temporaryRoot } from "../support/open.ts"
import { reasonOf, rejection } from "../support/rejection.ts"

const opened = (options: PullerOptions = {}) => open({ layout: "erofs", ...options })

const noise = (seed: string) => new Prng(seed).bytes(300_000)
/** Bodies whose order in the archive is not that of their paths, of two layers. */
const mixed = () =>
  image({
    layers: [
      { files: { "z/last": noise("z"), "a/c": noise("c"), "m.d": "between", empty: "" } },
      { files: { "a/b": noise("b"), "m/x": noise("x"), "z/.wh.last": "", "a/.wh.c": "", "z/first": noise("f") } }
    ]
  })
const layersOf = (made: Awaited<ReturnType<typeof mixed>>) =>
  made.manifests[0]?.layers.map(({ digest }) => digest) ?? []

const exported = async (oci: TestClient, reference: string, options: PartOptions = {}) => {
  const chunks: Array<Uint8Array> = []
  for await (const chunk of oci.export(reference, { format: "erofs", ...options })) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const left = async ({ root }: TestClient) => ({
  trees: (await readdir(join(root, "layers"))).filter((it) => it.endsWith(".rootfs")),
  partial: await readdir(join(root, "partial")).catch(() => []),
  staged: (await readdir(join(root, "layers/.staging"), { recursive: true }).catch(() => [])).filter((name) =>
    name.includes("/")
  )
})

describe("the disk image of a pull", () => {
  test("is the only file of its tree, has a time of its own, and is found again without the network", async () => {
    await using registry = await startRegistry({ images: { "app:1": await mixed() } })
    await using oci = await opened()
    const reference = registry.reference("app:1")
    const pulled = await oci.pull(reference)
    const { erofs = "", rootfs, layers, manifestDigest, cached } = pulled
    expect({ rootfs, cached }).toEqual({ rootfs: undefined, cached: false })
    expect(erofs).toBe(join(oci.root, "layers", `${manifestDigest}.erofs.rootfs`, "image.erofs"))
    expect(layers.map(({ path }) => path)).toEqual([erofs, erofs])
    expect(await readdir(dirname(erofs))).toEqual(["image.erofs"])
    expect((await stat(erofs)).mtimeMs).toBe(0)
    expect(await left(oci)).toEqual({ trees: [`${manifestDigest}.erofs.rootfs`], partial: [], staged: [] })
    await registry.close()
    expect(await oci.pull(reference)).toEqual({ ...pulled, cached: true })
    expect(await oci.inspect(reference)).toMatchObject({ manifests: [{ erofs, complete: true }] })
    expect(await oci.verify()).toEqual({ faults: [], repaired: [], unknown: [] })
  })

  test.runIf(process.platform !== "win32").each([
    ["0", 0],
    ["077", 0o077]
  ] as const)("may be read by whom the store lets in, and changed by nobody else: umask %s", async (_, umask) => {
    await using registry = await startRegistry({ images: { "app:1": await mixed() } })
    await using oci = await opened({ access: "readable" })
    const before = process.umask(umask)
    try {
      for (const part of [{}, { only: "a" }]) {
        const { erofs = "" } = await oci.pull(registry.reference("app:1"), part)
        expect((await stat(erofs)).mode & 0o777).toBe(0o644)
        expect((await stat(dirname(erofs))).mode & 0o777).toBe(0o755)
      }
    } finally {
      process.umask(before)
    }
  })

  test("has the bytes of an export where an image lists a layer twice and wants bytes of both", async () => {
    const twice = tar().file("x/f", Buffer.alloc(200_000, "f")).file("x/g", "g")
    const toP = tar().directory("p").directory("q").symlink("x", "p")
    const toQ = tar().symlink("x", "q")
    await using registry = await startRegistry({
      images: {
        "app:both": await image({ layers: [toP, twice, toQ, twice] }),
        "app:some": await image({ layers: [toP, twice, toQ, tar().file("p/.wh.g"), twice] }),
        "app:kept": await image({
          layers: [tar().file("f", "hello"), tar().hardLink("g", "f"), tar().file("f", "hello")]
        })
      }
    })
    await using oci = await opened()
    await using other = await open()
    for (const name of ["both", "some", "kept"]) {
      const reference = registry.reference(`app:${name}`)
      const { erofs = "" } = await oci.pull(reference)
      expect(Buffer.compare(await readFile(erofs), await exported(other, reference)), name).toBe(0)
    }
  })

  test("has the bytes of an export: of many layers, of none, of one that is repeated, of random ones, of holes", async () => {
    const [a, b] = [tar().file("f", "a").file("g", "a"), tar().file("f", "b").file(".wh.g")]
    const sparse = tar().sparse("holes", 5_000_000, [[4_100_000, "end"]], "pax-1.0")
    await using registry = await startRegistry({
      images: {
        "app:mixed": await mixed(),
        "app:none": await image({ layers: [] }),
        "app:twice": await image({ layers: [a, b, a] }),
        "app:holes": await image({ layers: [sparse, b] }),
        "app:random0": await randomImage("erofs 0", { nodes: true }),
        "app:random1": await randomImage("erofs 1", { nodes: true }),
        "app:random2": await randomImage("erofs 2", { fileSize: 500_000 })
      }
    })
    await using oci = await opened()
    await using other = await open()
    for (const name of ["mixed", "none", "twice", "holes", "random0", "random1", "random2"]) {
      const reference = registry.reference(`app:${name}`)
      const { erofs = "" } = await oci.pull(reference)
      expect(Buffer.compare(await readFile(erofs), await exported(other, reference)), name).toBe(0)
      if (name === "holes") expect((await stat(erofs)).blocks * 512).toBeLessThan(1_000_000)
    }
    expect(await left(oci)).toMatchObject({ partial: [], staged: [] })
  })

  test.each<PartOptions>([{ only: "a" }, { only: ["z/first", "m"] }, { strip: 1 }, { only: "srv" }])(
    "of the part %j has the bytes of its export, beside that of all",
    async (part) => {
      await using registry = await startRegistry({ images: { "app:1": await mixed() } })
      await using oci = await opened()
      await using other = await open()
      const reference = registry.reference("app:1")
      const { erofs = "", cached } = await oci.pull(reference, part)
      expect(cached).toBe(false)
      expect(Buffer.compare(await readFile(erofs), await exported(other, reference, part))).toBe(0)
      expect(await oci.inspect(reference)).toMatchObject({ manifests: [{ parts: [erofs], complete: false }] })
      expect(await reasonOf(oci.pull(reference, { policy: "never" }))).toMatchObject({ _tag: "NotCached" })
      expect(await oci.pull(reference, { ...part, policy: "never" })).toMatchObject({ erofs, cached: true })
      expect((await oci.pull(reference)).erofs).not.toBe(erofs)
      expect(await left(oci)).toMatchObject({ partial: [], staged: [] })
    }
  )

  test("each layer begins, and is done when the image has its name", async () => {
    const made = await mixed()
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await opened()
    const events = await lastValueFrom(oci.pull$(registry.reference("app:1")).pipe(toArray()))
    const tags = events.map(({ _tag }) => _tag).filter((tag) => tag !== "LayerProgress")
    expect(tags).toEqual([
      "Resolving",
      "Resolved",
      ...["LayerStarted", "LayerStarted"],
      ...["LayerDone", "LayerDone"],
      "Pulled"
    ])
    const done = events.flatMap((event) => (event._tag === "LayerDone" ? [event] : []))
    expect(done.map(({ entries }) => entries)).toEqual([expect.any(Number), expect.any(Number)])
    for (const { entries, inflated, path } of done) {
      expect(entries).toBeGreaterThanOrEqual(4)
      expect(inflated).toBeGreaterThan(600_000)
      expect(path).toMatch(/image\.erofs$/)
    }
  })

  test("of a layer with a wrong digest is not made; the other's download is kept, and not fetched again", async () => {
    const made = await mixed()
    const [right = "", wrong = ""] = layersOf(made)
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await opened()
    registry.fault({ kind: "blob", reference: wrong, times: 1 }, fault.otherByte(200_000))
    expect(await reasonOf(oci.pull(registry.reference("app:1")))).toMatchObject({
      _tag: "DigestMismatch",
      expected: wrong
    })
    expect(await left(oci)).toEqual({ trees: [], partial: [right], staged: [] })
    registry.log.clear()
    await oci.pull(registry.reference("app:1"))
    expect(registry.log.count({ kind: "blob", reference: right })).toBe(0)
    expect(await left(oci)).toMatchObject({ partial: [], staged: [] })
  })

  test("is made of kept bytes, unless they prove wrong", async () => {
    const made = await mixed()
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await opened()
    await mkdir(join(oci.root, "partial"), { recursive: true })
    for (const digest of layersOf(made)) await writeFile(join(oci.root, "partial", digest), "rubbish")
    await using other = await open()
    const { erofs = "" } = await oci.pull(registry.reference("app:1"))
    expect(Buffer.compare(await readFile(erofs), await exported(other, registry.reference("app:1")))).toBe(0)
    expect((await left(oci)).partial).toEqual([])
  })

  test.each<PullEvent["_tag"]>(["LayerStarted", "LayerProgress", "LayerDone"])(
    "cancelled at the first %s, no half tree is left, and the next pull ends right",
    async (until) => {
      await using registry = await startRegistry({ images: { "app:1": await mixed() } })
      await using oci = await opened()
      const abort = new AbortController()
      const reason = new Error("enough")
      const pulling = oci.pull(registry.reference("app:1"), {
        signal: abort.signal,
        onEvent: (event) => event._tag === until && abort.abort(reason)
      })
      expect(await rejection(pulling)).toBe(reason)
      const { trees, staged } = await left(oci)
      expect(staged).toEqual([])
      expect(trees.length).toBe(until === "LayerDone" ? 1 : 0)
      await using other = await open()
      const { erofs = "" } = await oci.pull(registry.reference("app:1"))
      expect(Buffer.compare(await readFile(erofs), await exported(other, registry.reference("app:1")))).toBe(0)
      expect(await left(oci)).toMatchObject({ partial: [], staged: [] })
    }
  )

  test("of two stores in one directory that pull at once is downloaded once", async () => {
    const made = await mixed()
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using home = await temporaryRoot()
    await using one = await opened({ root: home.root })
    await using two = await opened({ root: home.root })
    const reference = registry.reference("app:1")
    const [first, second, third] = await Promise.all([one.pull(reference), two.pull(reference), one.pull(reference)])
    expect(new Set([first?.erofs, second?.erofs, third?.erofs]).size).toBe(1)
    for (const digest of layersOf(made)) expect(registry.log.count({ kind: "blob", reference: digest })).toBe(1)
    expect(await left(one)).toMatchObject({ trees: [expect.any(String)], partial: [], staged: [] })
    expect(await one.verify()).toEqual({ faults: [], repaired: [], unknown: [] })
  })

  test("that was changed is found by verify and made again; one of no image is pruned", async () => {
    await using registry = await startRegistry({ images: { "app:1": await mixed() } })
    await using oci = await opened()
    const reference = registry.reference("app:1")
    const { erofs = "" } = await oci.pull(reference)
    const before = await readFile(erofs)
    const changes = [
      () => truncate(erofs, 8192),
      () => utimes(erofs, 1, 1),
      () => writeFile(join(dirname(erofs), "x"), "")
    ]
    for (const change of changes) {
      await change()
      expect((await oci.verify()).faults).toMatchObject([{ reference, path: dirname(erofs) }])
      expect((await oci.verify({ repair: true })).faults).toEqual([])
      expect(Buffer.compare(await readFile(erofs), before)).toBe(0)
    }
    expect((await oci.usage()).layers).toMatchObject({ count: 1 })
    await oci.remove(reference)
    await oci.prune()
    expect(await left(oci)).toEqual({ trees: [], partial: [], staged: [] })
  })
})

test("what the format has no room for is an UnsupportedEntry, and nothing is left but the download", async () => {
  const long = "n".repeat(256)
  await using registry = await startRegistry({
    images: {
      "app:1": await image({ layers: [tar().file(long, "x")] }),
      "app:2": await image({ layers: [tar().file("f", "x", { xattrs: { "com.apple.provenance": Buffer.from("1") } })] })
    }
  })
  await using oci = await opened()
  expect(await reasonOf(oci.pull(registry.reference("app:1")))).toMatchObject({
    _tag: "UnsupportedEntry",
    format: "erofs"
  })
  expect(await left(oci)).toMatchObject({ trees: [], staged: [] })
  expect(await oci.images()).toEqual([])
  const warnings: Array<string> = []
  await oci.pull(registry.reference("app:2"), {
    onEvent: (event) => {
      if (event._tag === "Warning") warnings.push(event.code)
    }
  })
  expect(warnings.filter((code) => code === "AttributesDropped")).toHaveLength(1)
})

test("a stored disk image that is damaged is an error of the file system, wherever it is damaged", async () => {
  await using registry = await startRegistry({ images: { "app:1": await randomImage("damaged", { entries: 30 }) } })
  await using oci = await opened()
  const reference = registry.reference("app:1")
  const { erofs = "" } = await oci.pull(reference)
  const sound = await readFile(erofs)
  const read = async () => {
    for await (const entry of oci.tree(reference)) if (entry.type === "file") await entry.bytes()
  }
  await read()
  const prng = new Prng("damage")
  const tags = new Set<string>()
  for (let times = 0; times < 60; times++) {
    const bytes = Buffer.from(sound)
    // In the blocks of inodes and directories as well as in files.
    const first = prng.below(2) === 0 ? 1024 : 0
    for (let byte = 0; byte < 1 + prng.below(40); byte++)
      bytes[first + prng.below(bytes.length - first)] = prng.below(256)
    const file = await openFile(erofs, "r+")
    await file.write(times % 5 === 0 ? bytes.subarray(0, prng.below(bytes.length)) : bytes, 0)
    if (times % 5 === 0) await file.truncate(prng.below(bytes.length))
    await file.close()
    // What is read of it may be wrong: it is not hashed.
    const reason = await read().then(
      () => undefined,
      (error) => error.reason
    )
    tags.add(reason?._tag ?? "none")
    await writeFile(erofs, sound)
  }
  expect([...tags].sort()).toEqual(["FileSystemFailed", "none"])
})

test("an export of a stored disk image has its bytes; one that was cut, or has more, fails and has no end", async () => {
  await using registry = await startRegistry({ images: { "app:1": await mixed() } })
  await using oci = await opened()
  const reference = registry.reference("app:1")
  const { erofs = "" } = await oci.pull(reference)
  const sound = await readFile(erofs)
  await registry.close()
  expect(Buffer.compare(await exported(oci, reference), sound)).toBe(0)
  for (const length of [0, 1024, sound.length - 4096, sound.length + 1]) {
    await truncate(erofs, length)
    expect(await reasonOf(exported(oci, reference)), `${length}`).toMatchObject({
      _tag: "FileSystemFailed",
      code: "EUCLEAN"
    })
    await writeFile(erofs, sound)
  }
  expect(Buffer.compare(await exported(oci, reference, { strip: 1 }), sound)).not.toBe(0)
})

test("a disk image is not a lower directory of a mount", async () => {
  const disk = { reference: "app:1", layers: [{ path: "/x/image.erofs" }], erofs: "/x/image.erofs" }
  expect(() => lowerdir(disk)).toThrow(/this is a disk image/)
})
