/** An OCI layout of what was pulled: whole, true, shared, and itself a source. */
import { createHash } from "node:crypto"
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import type { PullerOptions } from "../../src/api/config.ts"
import type { PullEvent } from "../../src/api/events.ts"
import {
  fault,
  image,
  imageIndex,
  makeLayer,
  randomImage,
  startRegistry,
  type TestImage
} from "../../src/testing/index.ts"
import { layoutOf, savedOf, tagged, writeArchive, writeFiles } from "../support/files.ts"
import { open, temporaryRoot } from "../support/open.ts"
import { reasonOf } from "../support/rejection.ts"

const made = await randomImage("sink", { layers: 3 })
const shared = await makeLayer({ files: { "etc/shared": "by both" } })
const other = await image({ layers: [shared, { files: { other: "1" } }] })
const another = await image({ layers: [shared, { files: { another: "1" } }] })

interface Entry {
  readonly digest: string
  readonly annotations: Readonly<Record<string, string>>
}

const readLayout = async (directory: string) => {
  const { manifests } = JSON.parse(await readFile(join(directory, "index.json"), "utf8")) as {
    readonly manifests: ReadonlyArray<Entry>
  }
  const blobs = (await readdir(join(directory, "blobs/sha256"))).sort()
  for (const name of blobs) {
    const bytes = await readFile(join(directory, "blobs/sha256", name))
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(name)
  }
  const names = manifests.map(({ digest, annotations }) => [annotations["org.opencontainers.image.ref.name"], digest])
  return { names: Object.fromEntries(names), entries: manifests, blobs }
}

const digestsOf = (...images: ReadonlyArray<TestImage>) =>
  [...new Set(images.flatMap(({ documents, blobs }) => [...documents.keys(), ...blobs.keys()]))]
    .map((digest) => digest.slice(7))
    .sort()

describe("the blobs of what is pulled", () => {
  test.for(["layers", "rootfs", "erofs"] as const)("are kept, true and whole, beside the layout %s", async (layout) => {
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using home = await temporaryRoot()
    const keepBlobs = join(home.root, "kept")
    await using oci = await open({ keepBlobs, layout })
    const pulled = await oci.pull(registry.reference("app:1"))
    const { names, entries, blobs } = await readLayout(keepBlobs)
    expect(names).toEqual({ 1: made.digest })
    expect(entries[0]?.annotations["io.containerd.image.name"]).toBe(registry.reference("app:1"))
    expect(blobs).toEqual(digestsOf(made))
    expect(await readdir(keepBlobs)).toEqual(["blobs", "index.json", "oci-layout"])
    expect(registry.log.count({ kind: "blob" })).toBe(made.blobs.size)
    expect(await readdir(join(oci.root, "partial")).catch(() => [])).toEqual([])

    await using again = await open({ layout })
    const back = await again.pull(`oci:${keepBlobs}:1`)
    expect([back.digest, back.configDigest]).toEqual([pulled.digest, pulled.configDigest])
    expect(back.layers.map(({ digest }) => digest)).toEqual(pulled.layers.map(({ digest }) => digest))
  })

  test("of several images are in one layout, each once; an image whose tag is taken gets its full name", async () => {
    await using registry = await startRegistry({ images: { "a:1": other, "b:1": another } })
    await using home = await temporaryRoot()
    const keepBlobs = join(home.root, "kept")
    await using oci = await open({ keepBlobs })
    await oci.pull(registry.reference("a:1"))
    await oci.pull(registry.reference("b:1"))
    const { names, blobs } = await readLayout(keepBlobs)
    expect(names).toEqual({ 1: other.digest, [registry.reference("b:1")]: another.digest })
    expect(blobs).toEqual(digestsOf(other, another))
    await using again = await open()
    expect((await again.pull(`oci:${keepBlobs}:${registry.reference("b:1")}`)).digest).toBe(another.digest)
    expect((await again.pull(`oci:${keepBlobs}:${registry.reference("a:1")}`)).digest).toBe(other.digest)
  })

  test("pulled at the same time by two stores are all there", async () => {
    const names = Array.from({ length: 8 }, (_, n) => `app${n}:v${n}`)
    const images = await Promise.all(names.map((name) => image({ layers: [shared, { files: { name } }] })))
    await using registry = await startRegistry({
      images: Object.fromEntries(names.map((name, n) => [name, images[n] ?? made]))
    })
    await using home = await temporaryRoot()
    const keepBlobs = join(home.root, "kept")
    await using one = await open({ keepBlobs })
    await using two = await open({ keepBlobs })
    await Promise.all(names.map((name, n) => (n % 2 === 0 ? one : two).pull(registry.reference(name))))
    const { names: found, blobs } = await readLayout(keepBlobs)
    expect(found).toEqual(Object.fromEntries(images.map(({ digest }, n) => [`v${n}`, digest])))
    expect(blobs).toEqual(digestsOf(...images))
    expect(await readdir(keepBlobs)).toEqual(["blobs", "index.json", "oci-layout"])
  })

  test("of a tag that moved take its name", async () => {
    await using registry = await startRegistry({ images: { "app:1": other } })
    await using home = await temporaryRoot()
    const keepBlobs = join(home.root, "kept")
    await using oci = await open({ keepBlobs })
    await oci.pull(registry.reference("app:1"))
    registry.add("app:1", another)
    await oci.pull(registry.reference("app:1"), { policy: "always" })
    expect((await readLayout(keepBlobs)).names).toEqual({ 1: another.digest })
  })

  test("of an index keep its digest, with what was pulled of it", async () => {
    const arm = await image({ platform: "linux/arm64", layers: [{ files: { arm: "64" } }] })
    const both = imageIndex([other, arm])
    await using registry = await startRegistry({ images: { "app:1": both } })
    await using home = await temporaryRoot()
    const keepBlobs = join(home.root, "kept")
    await using oci = await open({ keepBlobs })
    await oci.pull(registry.reference("app:1"), { platform: "linux/amd64" })
    expect((await readLayout(keepBlobs)).names).toEqual({ 1: both.digest })
    await oci.pull(registry.reference("app:1"), { platform: "linux/arm64" })
    expect((await readLayout(keepBlobs)).blobs).toEqual(digestsOf(both))
  })

  test.for(["layers", "rootfs", "erofs"] as const)("that are missing are fetched, and no more: %s", async (layout) => {
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using home = await temporaryRoot()
    const keepBlobs = join(home.root, "kept")
    await using before = await open({ layout })
    await before.pull(registry.reference("app:1"))
    const { root } = before
    await using oci = await open({ root, keepBlobs, layout })
    const events: Array<PullEvent> = []
    await oci.pull(registry.reference("app:1"), { onEvent: (event) => void events.push(event) })
    expect((await readLayout(keepBlobs)).blobs).toEqual(digestsOf(made))
    expect(events.map(({ _tag }) => _tag)).toContain("LayerCached")
    expect(events.map(({ _tag }) => _tag)).not.toContain("LayerDone")
    const lost = made.manifests[0]?.layers[1]?.digest ?? ""
    await rm(join(keepBlobs, "blobs", lost.replace(":", "/")))
    registry.log.clear()
    expect(await reasonOf(oci.pull(registry.reference("app:1"), { policy: "never" }))).toMatchObject({
      _tag: "NotCached"
    })
    await oci.pull(registry.reference("app:1"))
    expect(registry.log.all.filter(({ kind }) => kind === "blob").map(({ reference }) => reference)).toEqual([
      made.manifests[0]?.config.digest,
      lost
    ])
    registry.log.clear()
    await oci.pull(registry.reference("app:1"))
    expect(registry.log.all).toEqual([])
  })

  test.for(["layers", "rootfs", "erofs"] as const)(
    "whose kept bytes are wrong are fetched once more: %s",
    async (layout) => {
      await using registry = await startRegistry({ images: { "app:1": made } })
      await using home = await temporaryRoot()
      await using before = await open({ layout })
      await before.pull(registry.reference("app:1"))
      const { digest, size } = made.manifests[0]?.layers[1] ?? expect.unreachable()
      await mkdir(join(before.root, "partial"), { recursive: true })
      // As long as the blob, and holes only: what a power cut may leave.
      await writeFile(join(before.root, "partial", digest), Buffer.alloc(size))
      const keepBlobs = join(home.root, "kept")
      await using oci = await open({ root: before.root, keepBlobs, layout })
      await oci.pull(registry.reference("app:1"))
      expect((await readLayout(keepBlobs)).blobs).toEqual(digestsOf(made))
      expect(await readdir(join(before.root, "partial"))).toEqual([])
    }
  )

  test("that a mirror lied about are the registry's", async () => {
    await using origin = await startRegistry({ images: { "app:1": made } })
    await using mirror = await startRegistry({ images: { "app:1": made } })
    mirror.fault({ kind: "blob" }, fault.otherByte(30))
    await using home = await temporaryRoot()
    const keepBlobs = join(home.root, "kept")
    const hosts = { [origin.host]: { mirrors: [mirror.origin] } }
    await using before = await open({ hosts })
    await before.pull(origin.reference("app:1"))
    const both: ReadonlyArray<PullerOptions> = [
      { keepBlobs, hosts },
      { keepBlobs: `${keepBlobs}-2`, hosts, root: before.root }
    ]
    for (const options of both) {
      await using oci = await open(options)
      await oci.pull(origin.reference("app:1"))
      expect((await readLayout(options.keepBlobs ?? "")).blobs).toEqual(digestsOf(made))
    }
  })

  test("go on where a download was cut off", async () => {
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using home = await temporaryRoot()
    const keepBlobs = join(home.root, "kept")
    await using oci = await open({ keepBlobs, retry: { times: 0 } })
    const layer = made.manifests[0]?.layers[0]
    const mend = registry.fault({ kind: "blob", reference: layer?.digest ?? "" }, fault.cut(50))
    expect(await reasonOf(oci.pull(registry.reference("app:1")))).toMatchObject({ _tag: "BlobInterrupted" })
    expect(await readdir(keepBlobs).catch(() => [])).not.toContain("index.json")
    mend()
    await oci.pull(registry.reference("app:1"))
    expect(registry.log.ranges(layer?.digest ?? "")).toContainEqual([50, layer?.size])
    expect((await readLayout(keepBlobs)).blobs).toEqual(digestsOf(made))
  })

  test("come from files as well: a layout into a layout, an archive into a layout", async () => {
    await using home = await temporaryRoot()
    const keepBlobs = join(home.root, "kept")
    const layout = await writeFiles(join(home.root, "from"), layoutOf([[tagged("v1"), made]]))
    const saved = await writeArchive(join(home.root, "saved.tar"), await savedOf([[["app:1"], other]]))
    await using oci = await open({ keepBlobs })
    const first = await oci.pull(`oci:${layout}:v1`)
    const second = await oci.pull(`docker-archive:${saved}`, { name: "localhost/app:v2" })
    expect((await readLayout(keepBlobs)).names).toEqual({ v1: first.digest, v2: second.digest })
    await using again = await open()
    expect((await again.pull(`oci:${keepBlobs}:v2`)).configDigest).toBe(other.manifests[0]?.config.digest)
  })

  test("go into a layout of another tool, whose images stay", async () => {
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using home = await temporaryRoot()
    const keepBlobs = await writeFiles(join(home.root, "kept"), layoutOf([[tagged("theirs"), other]]))
    await using oci = await open({ keepBlobs })
    await oci.pull(registry.reference("app:1"))
    const { names, blobs } = await readLayout(keepBlobs)
    expect(names).toEqual({ theirs: other.digest, 1: made.digest })
    expect(blobs).toEqual(digestsOf(made, other))
  })

  test("do not go into what is not a layout, and nothing there is lost", async () => {
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using home = await temporaryRoot()
    await mkdir(join(home.root, "kept"))
    await writeFile(join(home.root, "kept/index.json"), "mine")
    await using oci = await open({ keepBlobs: join(home.root, "kept") })
    expect(await reasonOf(oci.pull(registry.reference("app:1")))).toMatchObject({ _tag: "InvalidSource" })
    expect(await readFile(join(home.root, "kept/index.json"), "utf8")).toBe("mine")
  })
})
