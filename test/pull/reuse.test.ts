/** A layer whose archive the store has already, from a blob with another compression, is not downloaded. */
import { existsSync } from "node:fs"
import { appendFile, rm } from "node:fs/promises"
import { basename, join } from "node:path"
import { describe, expect, test } from "vitest"
import type { PullEvent } from "../../src/api/events.ts"
import { fault, image, startRegistry, type TestImage } from "../../src/testing/index.ts"
import { open, temporaryRoot } from "../support/open.ts"
import { randomLayer } from "../support/randomLayer.ts"
import { reasonOf } from "../support/rejection.ts"
import { versionOf } from "./partial/versions.ts"

const contents = [randomLayer("a", 300_000), randomLayer("b")]
const compressions = ["gzip", "zstd-raw", "none"] as const
const [gzip, zstd, plain] = await Promise.all(
  compressions.map((compression) => image({ layers: contents, compression }))
)
if (gzip === undefined || zstd === undefined || plain === undefined) throw new Error("no images")
const images = { "app:gzip": gzip, "app:zstd": zstd, "app:plain": plain }

const layersOf = (made: TestImage) => made.manifests[0]?.layers ?? []
const digestsOf = (made: TestImage) => layersOf(made).map(({ digest }) => digest)
const treesOf = (made: TestImage) => digestsOf(made).map((digest) => `${digest}.extracted`)

/** Requests for the blobs of an image's layers. */
const downloads = (registry: Awaited<ReturnType<typeof startRegistry>>, made: TestImage) =>
  digestsOf(made).reduce((sum, reference) => sum + registry.log.count({ kind: "blob", reference }), 0)

describe("an image in another compression", () => {
  test.each([
    ["layers", undefined],
    ["overlay", undefined],
    ["layers", "none"]
  ] as const)("takes the trees of the first, in the layout %s with the ownership %s", async (layout, ownership) => {
    await using registry = await startRegistry({ images })
    await using oci = await open({ layout, ...(ownership === undefined ? {} : { ownership }) })
    const first = await oci.pull(registry.reference("app:gzip"))
    const paths = first.layers.map(({ path }) => path)
    const names = await oci.layers()
    for (const [tag, made] of [
      ["zstd", zstd],
      ["plain", plain]
    ] as const) {
      const events: Array<PullEvent> = []
      const pulled = await oci.pull(registry.reference(`app:${tag}`), { onEvent: (event) => events.push(event) })
      expect(pulled).toMatchObject({ cached: false, digest: made.digest })
      expect(pulled.layers.map(({ digest, path }) => [digest, path])).toEqual(
        digestsOf(made).map((digest, at) => [digest, paths[at]])
      )
      const told = events.flatMap((event) => ("digest" in event && event._tag.startsWith("Layer") ? [event] : []))
      expect(told).toEqual(digestsOf(made).map((digest, at) => ({ _tag: "LayerCached", digest, path: paths[at] })))
      expect(downloads(registry, made)).toBe(0)
      expect(await oci.pull(registry.reference(`app:${tag}`))).toMatchObject({ cached: true, layers: pulled.layers })
    }
    expect(await oci.layers()).toEqual(names)
    expect(await oci.verify()).toEqual({ faults: [], repaired: [], unknown: [] })
  })

  test("is found, described and held by another client, and goes when nobody needs it", async () => {
    await using registry = await startRegistry({ images })
    await using oci = await open()
    await oci.pull(registry.reference("app:gzip"))
    const pulled = await oci.pull(registry.reference("app:zstd"))
    await using other = await open({ root: oci.root })
    const reference = registry.reference("app:zstd")
    expect(await other.pull(reference, { policy: "never" })).toMatchObject({ cached: true, layers: pulled.layers })
    expect((await other.inspect(reference))?.manifests).toMatchObject([{ complete: true, layers: pulled.layers }])
    expect((await other.images()).find((it) => it.reference === reference)).toMatchObject({
      size: pulled.size,
      layers: 2
    })
    {
      await using held = await other.hold(reference)
      expect(held.image.layers).toEqual(pulled.layers)
      await oci.remove(reference)
      await oci.remove(registry.reference("app:gzip"))
      expect(await oci.layers()).toEqual(treesOf(gzip).sort())
    }
    await oci.prune()
    expect(await oci.layers()).toEqual([])
  })

  test("is not taken for one made with other options", async () => {
    await using registry = await startRegistry({ images })
    await using oci = await open()
    await using bare = await open({ root: oci.root, ownership: "none" })
    await oci.pull(registry.reference("app:gzip"))
    const pulled = await bare.pull(registry.reference("app:zstd"))
    expect(pulled.layers.map(({ path }) => basename(path))).toEqual(
      digestsOf(zstd).map((digest) => `${digest}.none.extracted`)
    )
    expect(downloads(registry, zstd)).toBe(2)
    // By now each has a tree of its own in one form, and another's in the other.
    expect((await oci.pull(registry.reference("app:zstd"))).layers.map(({ path }) => basename(path))).toEqual(
      treesOf(gzip)
    )
    expect((await bare.pull(registry.reference("app:gzip"))).layers.map(({ path }) => path)).toEqual(
      pulled.layers.map(({ path }) => path)
    )
    expect([downloads(registry, gzip), downloads(registry, zstd)]).toEqual([2, 2])
    for (const client of [oci, bare]) expect((await client.verify()).faults).toEqual([])
    await oci.remove(registry.reference("app:gzip"))
    await oci.prune()
    for (const client of [oci, bare])
      expect(await client.pull(registry.reference("app:zstd"), { policy: "never" })).toMatchObject({ cached: true })
  })

  test("is downloaded where its blobs are kept, and then has trees of its own", async () => {
    await using registry = await startRegistry({ images })
    await using home = await temporaryRoot()
    await using oci = await open({ keepBlobs: join(home.root, "kept") })
    await oci.pull(registry.reference("app:gzip"))
    await oci.pull(registry.reference("app:zstd"))
    expect(downloads(registry, zstd)).toBe(2)
    expect(await oci.layers()).toEqual([...treesOf(gzip), ...treesOf(zstd)].sort())
    for (const digest of digestsOf(zstd))
      expect(existsSync(join(home.root, "kept/blobs/sha256", digest.slice(7)))).toBe(true)
    // What is kept is not downloaded again, either.
    await using later = await open({ root: oci.root, keepBlobs: join(home.root, "kept") })
    for (const name of treesOf(zstd)) await rm(join(oci.root, "layers", name), { recursive: true })
    expect((await later.pull(registry.reference("app:zstd"))).layers.map(({ path }) => basename(path))).toEqual(
      treesOf(gzip)
    )
    expect(downloads(registry, zstd)).toBe(2)
  })

  test("keeps the tree that it was given, whatever is extracted later", async () => {
    await using registry = await startRegistry({ images })
    await using home = await temporaryRoot()
    await using oci = await open()
    await oci.pull(registry.reference("app:gzip"))
    const { layers } = await oci.pull(registry.reference("app:zstd"))
    await using keeping = await open({ root: oci.root, keepBlobs: join(home.root, "kept") })
    await keeping.pull(registry.reference(`app@${zstd.digest}`))
    await oci.remove(registry.reference("app:gzip"))
    await oci.prune()
    expect(await oci.layers()).toEqual([...treesOf(gzip), ...treesOf(zstd)].sort())
    expect(await oci.pull(registry.reference("app:zstd"), { policy: "never" })).toMatchObject({ layers })
  })

  test("is read from the trees that it has", async () => {
    await using registry = await startRegistry({ images })
    await using oci = await open()
    await oci.pull(registry.reference("app:gzip"))
    await oci.pull(registry.reference("app:zstd"))
    const before = registry.log.count({ kind: "blob" })
    const entries: Array<string> = []
    for await (const entry of oci.tree(registry.reference("app:zstd"), { policy: "never" })) entries.push(entry.path)
    const same: Array<string> = []
    for await (const entry of oci.tree(registry.reference("app:gzip"), { policy: "never" })) same.push(entry.path)
    expect(entries.length).toBeGreaterThan(1)
    expect(entries).toEqual(same)
    expect(registry.log.count({ kind: "blob" })).toBe(before)
  })
})

describe("what the store has of an image that was not finished", () => {
  test("counts, and stays as long as the other needs it", async () => {
    await using registry = await startRegistry({ images })
    await using oci = await open({ retry: { times: 0 }, concurrency: 1 })
    const [a, b] = digestsOf(gzip)
    const heal = registry.fault({ reference: b ?? "" }, fault.status(404))
    expect(await reasonOf(oci.pull(registry.reference("app:gzip")))).toMatchObject({ _tag: "BlobNotFound" })
    const pulled = await oci.pull(registry.reference("app:zstd"))
    expect(pulled.layers.map(({ path }) => basename(path))).toEqual([`${a}.extracted`, treesOf(zstd)[1]])
    expect(downloads(registry, zstd)).toBe(1)
    await oci.prune()
    expect(await oci.pull(registry.reference("app:zstd"), { policy: "never" })).toMatchObject({ layers: pulled.layers })
    heal()
    expect((await oci.pull(registry.reference("app:gzip"))).layers.map(({ path }) => path)).toEqual(
      pulled.layers.map(({ path }) => path)
    )
    expect(downloads(registry, gzip)).toBe(2)
  })

  test("does not count without the record of what it looked like", async () => {
    await using registry = await startRegistry({ images })
    await using oci = await open()
    await oci.pull(registry.reference("app:gzip"))
    const [a = "", b = ""] = digestsOf(gzip)
    await rm(join(oci.root, "fingerprints", `${a}.extracted`))
    await rm(join(oci.root, "proofs", b))
    await oci.pull(registry.reference("app:zstd"))
    expect(downloads(registry, zstd)).toBe(2)
  })
})

describe("a tree that only a table of contents proved", () => {
  const versions = async () => {
    const [before, table] = await Promise.all([versionOf([]), versionOf([3, 17])])
    const [{ diffId } = { diffId: "" }] = layersOf(table)
    // What it says is made of another blob, which nobody reads.
    const other = await image({
      layers: [randomLayer("unread")],
      config: { rootfs: { type: "layers", diff_ids: [diffId] } }
    })
    const registry = await startRegistry({ images: { "app:1": before, "app:2": table, "app:other": other } })
    return { registry, table, other, diffId }
  }

  test("is none of its diffID, with the option and without it", async () => {
    const { registry, other } = await versions()
    await using _ = registry
    await using oci = await open()
    for (const tag of ["app:1", "app:2"]) await oci.pull(registry.reference(tag), { partial: true })
    for (const partial of [true, false]) {
      const pulling = oci.pull(registry.reference("app:other"), { partial })
      expect(await reasonOf(pulling)).toMatchObject({ _tag: "DigestMismatch", subject: "diffID" })
    }
    expect(downloads(registry, other)).toBeGreaterThan(0)
  })

  test("serves its image after the catalogue was lost, too, and only with the option", async () => {
    const { registry, table, diffId } = await versions()
    await using _ = registry
    const reference = registry.reference("app:2")
    await using oci = await open()
    await oci.pull(registry.reference("app:1"), { partial: true })
    const { layers } = await oci.pull(reference, { partial: true })
    await oci.close()
    for (const name of ["oci.db", "oci.db.spare"]) await rm(join(oci.root, name), { force: true })
    await using again = await open({ root: oci.root })
    expect(await again.pull(reference, { partial: true })).toMatchObject({ cached: true, layers })
    expect(await reasonOf(again.pull(reference, { policy: "never" }))).toMatchObject({ _tag: "NotCached" })
    const proven = await again.pull(reference)
    expect(proven).toMatchObject({ cached: false, layers: [{ digest: digestsOf(table)[0], diffId }] })
    expect(await again.pull(reference, { policy: "never" })).toMatchObject({ cached: true })
  })

  test("is not made where the archive is there already", async () => {
    const { registry, table } = await versions()
    await using _ = registry
    await using oci = await open()
    await oci.pull(registry.reference("app:2"))
    const before = downloads(registry, table)
    expect((await oci.pull(registry.reference("app:2"), { partial: true })).cached).toBe(true)
    expect(downloads(registry, table)).toBe(before)
  })
})

describe("a tree that two images share", () => {
  const both = async () => {
    const registry = await startRegistry({ images })
    const oci = await open()
    await oci.pull(registry.reference("app:gzip"))
    await oci.pull(registry.reference("app:zstd"))
    const dispose = async () => {
      await oci[Symbol.asyncDispose]()
      await registry[Symbol.asyncDispose]()
    }
    return { registry, oci, [Symbol.asyncDispose]: dispose }
  }

  test.each([
    ["app:gzip", "app:zstd"],
    ["app:zstd", "app:gzip"]
  ])("stays when %s is removed, until %s is", async (first, second) => {
    await using it = await both()
    const { oci, registry } = it
    expect((await oci.usage()).byImage.map(({ own }) => own)).toEqual([0, 0])
    expect((await oci.remove(registry.reference(first))).layers).toEqual([])
    expect((await oci.prune()).layers).toEqual([])
    expect(await oci.verify()).toEqual({ faults: [], repaired: [], unknown: [] })
    expect(await oci.pull(registry.reference(second), { policy: "never" })).toMatchObject({ cached: true })
    expect((await oci.remove(registry.reference(second))).layers.map(({ digest }) => digest).sort()).toEqual(
      digestsOf(gzip).sort()
    )
    expect(await oci.layers()).toEqual([])
  })

  test("and was changed, is made again once, from the blob of either", async () => {
    await using it = await both()
    const { oci, registry } = it
    const { layers } = await oci.pull(registry.reference("app:zstd"))
    const path = layers[0]?.path ?? ""
    await appendFile(join(path, "intruder"), "x")
    const { faults } = await oci.verify()
    expect(faults.map(({ reference, path }) => [reference, path]).sort()).toEqual([
      [registry.reference("app:gzip"), path],
      [registry.reference("app:zstd"), path]
    ])
    expect(await oci.verify({ repair: true })).toMatchObject({ faults: [], repaired: faults })
    expect(downloads(registry, gzip) + downloads(registry, zstd)).toBe(3)
    for (const tag of ["app:gzip", "app:zstd"]) {
      const found = await oci.pull(registry.reference(tag), { policy: "never" })
      expect(existsSync(join(found.layers[0]?.path ?? "", "intruder"))).toBe(false)
    }
    await oci.prune()
    expect(await oci.layers()).toHaveLength(2)
  })

  test("and was changed, is made again from the other blob, where its own is gone from the registry", async () => {
    await using it = await both()
    const { oci, registry } = it
    const { layers } = await oci.pull(registry.reference("app:gzip"))
    await appendFile(join(layers[0]?.path ?? "", "intruder"), "x")
    await using quick = await open({ root: oci.root, retry: { times: 0 } })
    registry.fault({ reference: digestsOf(gzip)[0] ?? "" }, fault.status(404))
    await quick.verify({ repair: true })
    expect((await quick.verify({ repair: true })).faults).toEqual([])
    const found = await oci.pull(registry.reference("app:gzip"), { policy: "never" })
    expect(basename(found.layers[0]?.path ?? "")).toBe(treesOf(zstd)[0])
    expect(existsSync(join(found.layers[0]?.path ?? "", "intruder"))).toBe(false)
  })

  test("and is gone, is downloaded again by the one that is pulled next, and serves both", async () => {
    await using it = await both()
    const { oci, registry } = it
    for (const name of treesOf(gzip)) await rm(join(oci.root, "layers", name), { recursive: true })
    expect((await oci.verify()).faults).toHaveLength(4)
    const pulled = await oci.pull(registry.reference("app:zstd"))
    expect(pulled.layers.map(({ path }) => basename(path))).toEqual(treesOf(zstd))
    expect(await oci.pull(registry.reference("app:gzip"), { policy: "never" })).toMatchObject({ cached: true })
    expect(await oci.verify()).toEqual({ faults: [], repaired: [], unknown: [] })
    expect([downloads(registry, gzip), downloads(registry, zstd)]).toEqual([2, 2])
  })

  test("is found again by both where the catalogue was lost", async () => {
    await using it = await both()
    const { oci, registry } = it
    const { layers } = await oci.pull(registry.reference("app:zstd"))
    await oci.close()
    for (const name of ["oci.db", "oci.db.spare"]) await rm(join(oci.root, name), { force: true })
    await using again = await open({ root: oci.root })
    expect(await again.images()).toHaveLength(2)
    expect(await again.pull(registry.reference("app:zstd"), { policy: "never" })).toMatchObject({ layers })
    await again.remove(registry.reference("app:gzip"))
    await again.prune()
    expect(await again.verify()).toEqual({ faults: [], repaired: [], unknown: [] })
  })
})

describe("a config that lies", () => {
  const [a] = layersOf(gzip)
  const other = randomLayer("other")
  const diffIds = (id = "") => ({ config: { rootfs: { type: "layers", diff_ids: [id] } } })

  test("of a layer that is not there is refused as ever", async () => {
    const liar = await image({ layers: [other], ...diffIds(`sha256:${"3".repeat(64)}`) })
    await using registry = await startRegistry({ images: { ...images, "liar:1": liar } })
    await using oci = await open()
    await oci.pull(registry.reference("app:gzip"))
    expect(await reasonOf(oci.pull(registry.reference("liar:1")))).toMatchObject({
      _tag: "DigestMismatch",
      subject: "diffID"
    })
    expect(await oci.layers()).toEqual(treesOf(gzip).sort())
  })

  test("and names the diffID of another layer gets that one, and stands in nobody's way", async () => {
    const liar = await image({ layers: [other], ...diffIds(a?.diffId) })
    const honest = await image({ layers: [other] })
    await using registry = await startRegistry({ images: { ...images, "liar:1": liar, "honest:1": honest } })
    await using oci = await open()
    await oci.pull(registry.reference("app:gzip"))
    const lied = await oci.pull(registry.reference("liar:1"))
    expect(lied.layers).toMatchObject([{ digest: digestsOf(honest)[0], diffId: a?.diffId }])
    expect(basename(lied.layers[0]?.path ?? "")).toBe(`${a?.digest}.extracted`)
    expect(downloads(registry, liar)).toBe(0)
    const pulled = await oci.pull(registry.reference("honest:1"))
    expect(pulled.layers.map(({ path }) => basename(path))).toEqual(treesOf(honest))
    expect(downloads(registry, honest)).toBe(1)
    // By now the blob is known to be another; what the liar was given is still what its config says.
    expect(await oci.pull(registry.reference("liar:1"), { policy: "never" })).toMatchObject({ layers: lied.layers })
    await oci.remove(registry.reference("app:gzip"))
    await oci.prune()
    expect(await oci.layers()).toEqual([`${a?.digest}.extracted`, ...treesOf(honest)].sort())
    expect((await oci.verify()).faults).toEqual([])
  })

  test("of a blob that was proven to be another is refused", async () => {
    const liar = await image({ layers: [other], ...diffIds(a?.diffId) })
    const honest = await image({ layers: [other] })
    await using registry = await startRegistry({ images: { ...images, "liar:1": liar, "honest:1": honest } })
    await using oci = await open()
    await oci.pull(registry.reference("app:gzip"))
    await oci.pull(registry.reference("honest:1"))
    expect(await reasonOf(oci.pull(registry.reference("liar:1")))).toMatchObject({
      _tag: "DigestMismatch",
      subject: "diffID"
    })
  })
})
