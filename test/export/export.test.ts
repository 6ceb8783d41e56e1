/** One file of an image: the same bytes wherever the image is read from, by every spelling, and nothing left of one that is cancelled. */
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import { from, lastValueFrom, take, toArray } from "rxjs"
import { describe, expect, test } from "vitest"
import type { ExportOptions, LayoutName } from "../../src/api/config.ts"
import type { References } from "../../src/export/ExportFunction.ts"
import { Gate } from "../../src/reactive/Gate.ts"
import { untar } from "../../src/stages/index.ts"
import { fault, image, Prng, randomImage, startRegistry, tar } from "../../src/testing/index.ts"
import { writeFiles } from "../support/files.ts"
import { open, type TestClient, temporaryRoot } from "../support/open.ts"
import { ErofsReader } from "../support/readErofs.ts"
import { reasonOf } from "../support/rejection.ts"

const bytesOf = async (oci: TestClient, references: References, options?: ExportOptions): Promise<Buffer> => {
  const chunks: Array<Uint8Array> = []
  for await (const chunk of oci.export(references, options)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** As `untar` reads them. */
const headersOf = async (bytes: Buffer) => {
  const parts = await lastValueFrom(from([bytes]).pipe(untar(), toArray()))
  return parts.flatMap((part) => ("header" in part ? [part.header] : []))
}
const entriesOf = async (bytes: Buffer) => ({ paths: (await headersOf(bytes)).map(({ path }) => path) })

/** Bodies whose order in the archive is not that of their paths, of two layers. */
const noise = (seed: string) => new Prng(seed).bytes(150_000)
const mixed = () =>
  image({
    layers: [
      { files: { "z/last": noise("z"), "a/c": noise("c"), "m.d": "between" } },
      { files: { "a/b": noise("b"), "m/x": noise("x"), "z/.wh.last": "", "a/.wh.c": "", "z/first": noise("f") } }
    ]
  })

const layouts: ReadonlyArray<LayoutName> = ["layers", "overlay", "rootfs", "erofs"]

describe.each(["tar", "erofs"] as const)("one file of the tree, as %s,", (format) => {
  test("is the same from a registry and from a store in every layout", { timeout: 300_000 }, async () => {
    await using registry = await startRegistry({ images: { "app:1": await mixed() } })
    for (let seed = 0; seed < 5; seed++) registry.add(`app:random${seed}`, await randomImage(`export ${seed}`))
    await using remote = await open()
    const names = ["app:1", ...Array.from({ length: 5 }, (_, seed) => `app:random${seed}`)]
    const expected = new Map<string, Buffer>()
    for (const name of names) expected.set(name, await bytesOf(remote, registry.reference(name), { format }))
    expect(await remote.layers()).toEqual([])
    for (const layout of layouts) {
      await using oci = await open({ layout })
      for (const name of names) {
        const reference = registry.reference(name)
        await oci.pull(reference)
        const requests = registry.log.all.length
        const actual = await bytesOf(oci, reference, { format })
        expect(actual.equals(expected.get(name) ?? actual.subarray(1)), `${name}, ${layout}`).toBe(true)
        expect(registry.log.all.length).toBe(requests)
      }
    }
  })
})

describe("the root's own entry", () => {
  const facts = { mode: 0o1751, uid: 7, gid: 8, mtime: 1_700_000_000 }
  const rooted = () =>
    image({
      layers: [
        tar().directory("./", { mode: 0o700 }).file("a", "a"),
        tar()
          .file("b", "b")
          .directory("./", { ...facts, xattrs: { "user.of": "root" } }),
        tar().file("c", "c")
      ]
    })

  test.each(["tar", "erofs"] as const)(
    "is in the %s, as the highest layer has it, from a registry and a store",
    async (format) => {
      await using registry = await startRegistry({ images: { "app:1": await rooted() } })
      const reference = registry.reference("app:1")
      await using remote = await open()
      const bytes = await bytesOf(remote, reference, { format })
      if (format === "tar") {
        const [first, ...others] = await headersOf(bytes)
        expect(first).toMatchObject({ path: "./", type: "directory", mode: facts.mode, uid: 7, gid: 8 })
        expect(first?.mtime).toEqual({ seconds: facts.mtime, nanos: 0 })
        expect([...(first?.xattrs ?? [])].map(([name, value]) => [name, Buffer.from(value).toString()])).toEqual([
          ["user.of", "root"]
        ])
        expect(others.map(({ path }) => path)).toEqual(["a", "b", "c"])
      } else {
        const reader = new ErofsReader(bytes)
        expect(reader.inode(reader.rootNid)).toMatchObject({ mode: 0o041751, uid: 7, gid: 8 })
      }
      for (const layout of layouts) {
        await using oci = await open({ layout })
        await oci.pull(reference)
        expect((await bytesOf(oci, reference, { format })).equals(bytes), layout).toBe(true)
      }
    }
  )

  test("is left out where it says nothing, and of a part", async () => {
    const plain = await image({ layers: [tar().directory("./").file("a", "a")] })
    await using registry = await startRegistry({ images: { "app:1": await rooted(), "app:2": plain } })
    await using oci = await open()
    const paths = async (tag: string, options?: ExportOptions) =>
      (await entriesOf(await bytesOf(oci, registry.reference(tag), options))).paths
    expect(await paths("app:2")).toEqual(["a"])
    expect(await paths("app:1", { only: "b" })).toEqual(["b"])
    expect(await paths("app:1", { only: "." })).toEqual(["./", "a", "b", "c"])
  })
})

/** Attributes that would speak to a mount, to a runtime or to the host's policy. */
const reserved = [
  "trusted.overlay.opaque",
  "trusted.overlay.redirect",
  "user.overlay.opaque",
  "user.fuseoverlayfs.opaque",
  "user.containers.override_stat",
  "user.rootlesscontainers",
  "security.selinux"
]

describe("attributes that are not an image's to set", () => {
  const claims = () => {
    const xattrs = Object.fromEntries(["user.kept", ...reserved].map((name) => [name, Buffer.from("y")]))
    return image({ layers: [tar().directory("d/", { xattrs }).file("d/f", "f", { xattrs })] })
  }

  test.each(["tar", "erofs"] as const)("are in no %s, from a registry and from a store", async (format) => {
    await using registry = await startRegistry({ images: { "app:1": await claims() } })
    const reference = registry.reference("app:1")
    await using remote = await open()
    const bytes = await bytesOf(remote, reference, { format })
    for (const name of reserved) expect(bytes.includes(name.replace(/^\w+\./, "")), name).toBe(false)
    expect(bytes.includes("kept")).toBe(true)
    for (const layout of layouts) {
      await using oci = await open({ layout })
      await oci.pull(reference)
      expect((await bytesOf(oci, reference, { format })).equals(bytes), layout).toBe(true)
    }
  })
})

describe("the tar of an image", () => {
  test("is ordered by paths: a directory is before what is in it, and what is in it before a longer name", async () => {
    await using registry = await startRegistry({ images: { "app:1": await mixed() } })
    await using oci = await open()
    const { paths } = await entriesOf(await bytesOf(oci, registry.reference("app:1")))
    expect(paths).toEqual(["a", "a/b", "m", "m/x", "m.d", "z", "z/first"])
  })

  test("has the part that is asked for", async () => {
    await using registry = await startRegistry({ images: { "app:1": await mixed() } })
    await using oci = await open()
    const part = await entriesOf(await bytesOf(oci, registry.reference("app:1"), { only: "m", strip: 1 }))
    expect(part.paths).toEqual(["x"])
  })

  test("is the same by every spelling, however slowly it is taken", async () => {
    await using registry = await startRegistry({ images: { "app:1": await mixed() } })
    await using oci = await open()
    const reference = registry.reference("app:1")
    const expected = await bytesOf(oci, reference)
    const sequence = await lastValueFrom(oci.export$(reference).pipe(toArray()))
    const slow: Array<Uint8Array> = []
    await lastValueFrom(
      oci.export$(reference, {}, async (chunk) => {
        const copy = Buffer.from(chunk)
        await new Promise(setImmediate)
        slow.push(copy)
      })
    )
    const gate = new Gate()
    const gated: Array<Uint8Array> = []
    await new Promise<void>((resolve, reject) =>
      oci.export$(reference, { gate }).subscribe({
        next: (chunk) => {
          expect(gate.isOpen).toBe(true)
          gate.close()
          gated.push(chunk)
          setImmediate(gate.open)
        },
        error: reject,
        complete: resolve
      })
    )
    for (const chunks of [sequence, slow, gated]) expect(Buffer.concat(chunks).equals(expected)).toBe(true)
  })

  test("that nobody takes to its end leaves no file, no socket and no worker's work", async () => {
    await using registry = await startRegistry({ images: { "app:1": await mixed() } })
    await using oci = await open()
    await lastValueFrom(oci.export$(registry.reference("app:1")).pipe(take(1)))
    await oci.settled()
    for await (const _ of oci.export(registry.reference("app:1"))) break
    const left = (await readdir(join(oci.root, "layers", ".staging"), { recursive: true })).filter(
      (name) => !/^[\da-f-]{36}(?:\.lock)?$/.test(name)
    )
    expect(left).toEqual([])
  })
})

describe("an archive", () => {
  test.each(["docker-archive", "oci-archive"] as const)(
    "%s is read by our own source as the same image",
    async (format) => {
      await using registry = await startRegistry({ images: { "app:1": await mixed() } })
      await using oci = await open()
      const reference = registry.reference("app:1")
      const bytes = await bytesOf(oci, reference, { format })
      expect(bytes.equals(await bytesOf(oci, reference, { format }))).toBe(true)
      await using home = await temporaryRoot()
      await writeFiles(home.root, new Map([["app.tar", bytes]]))
      const pulled = await oci.pull(`${format}:${join(home.root, "app.tar")}`)
      const direct = await oci.pull(reference)
      expect(pulled.manifestDigest).toBe(direct.manifestDigest)
      expect(pulled.layers).toEqual(direct.layers)
    }
  )

  test("has several images, and a blob that they share once", async () => {
    const shared = { files: { shared: noise("shared") } }
    await using registry = await startRegistry({
      images: {
        "app:1": await image({ layers: [shared, { files: { one: "1" } }, shared] }),
        "other:1": await image({ layers: [shared, { files: { two: "2" } }] })
      }
    })
    await using oci = await open()
    const references = [registry.reference("app:1"), registry.reference("other:1")]
    registry.log.clear()
    const bytes = await bytesOf(oci, references, { format: "docker-archive" })
    const { paths } = await entriesOf(bytes)
    expect(new Set(paths).size).toBe(paths.length)
    expect(registry.log.count({ kind: "blob" })).toBe(5)
    await using home = await temporaryRoot()
    await writeFiles(home.root, new Map([["both.tar", bytes]]))
    for (const reference of references) {
      const { manifestDigest } = await oci.pull(`docker-archive:${join(home.root, "both.tar")}:${reference}`)
      expect(manifestDigest).toBe((await oci.pull(reference)).manifestDigest)
    }
  })

  test("of blobs that are kept asks the registry for none of them", async () => {
    await using registry = await startRegistry({ images: { "app:1": await mixed() } })
    await using home = await temporaryRoot()
    await using oci = await open({ keepBlobs: join(home.root, "kept") })
    const reference = registry.reference("app:1")
    const direct = await bytesOf(oci, reference, { format: "oci-archive" })
    const made = await oci.pull(reference)
    registry.log.clear()
    const kept = await bytesOf(oci, reference, { format: "oci-archive" })
    expect(kept.equals(direct)).toBe(true)
    for (const { digest } of made.layers) expect(registry.log.count({ kind: "blob", reference: digest })).toBe(0)
  })

  test("whose blob is false ends with an error, before its last bytes", async () => {
    const made = await mixed()
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await open()
    const whole = await bytesOf(oci, registry.reference("app:1"), { format: "docker-archive" })
    registry.fault({ kind: "blob", reference: made.manifests[0]?.layers[1]?.digest ?? "" }, fault.otherByte(10))
    const chunks: Array<Uint8Array> = []
    const reading = (async () => {
      for await (const chunk of oci.export(registry.reference("app:1"), { format: "docker-archive" }))
        chunks.push(chunk)
    })()
    expect(await reasonOf(reading)).toMatchObject({ _tag: "DigestMismatch" })
    // No end of the archive: every reader of tars tells.
    expect(Buffer.concat(chunks).length).toBeLessThan(whole.length - 1024)
  })

  test.each([
    ["a blob in one piece is read again from the registry: none of it was given", 100, undefined],
    ["a blob in several pieces is not: what was given cannot be taken back", 1_000_000, "DigestMismatch"]
  ] as const)("where a mirror lies, %s", async (_, size, tag) => {
    const made = await image({ layers: [{ files: { body: new Prng("lie").bytes(size) } }] })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using mirror = await startRegistry({ images: { "app:1": made } })
    const { digest, size: blobSize } = made.manifests[0]?.layers[0] ?? expect.unreachable()
    mirror.fault({ kind: "blob", reference: digest }, fault.otherByte(blobSize - 1))
    await using oci = await open({ hosts: { [registry.host]: { mirrors: [`http://${mirror.host}`] } } })
    await using direct = await open()
    const exporting = bytesOf(oci, registry.reference("app:1"), { format: "oci-archive" })
    if (tag === undefined)
      expect(
        (await exporting).equals(await bytesOf(direct, registry.reference("app:1"), { format: "oci-archive" }))
      ).toBe(true)
    else expect(await reasonOf(exporting)).toMatchObject({ _tag: tag })
    expect(mirror.log.count({ kind: "blob", reference: digest })).toBe(1)
  })

  test.each([
    ["several references and a tar", ["app:1", "app:1"], {}, "format"],
    ["no reference", [], { format: "oci-archive" }, "reference"],
    ["several references and a disk image", ["app:1", "app:1"], { format: "erofs" }, "format"],
    ["a part of an archive", "app:1", { format: "oci-archive", only: "etc" }, "only"],
    ["a stripped archive", "app:1", { format: "docker-archive", strip: 1 }, "strip"],
    ["another format", "app:1", { format: "zip" }, "format"]
  ] as const)("%s is an InvalidOption", async (_, references, options, option) => {
    await using oci = await open()
    expect(await reasonOf(bytesOf(oci, references, options as ExportOptions))).toMatchObject({
      _tag: "InvalidOption",
      option
    })
  })

  test("without the network is refused: the store has files, not blobs", async () => {
    await using registry = await startRegistry({ images: { "app:1": await mixed() } })
    await using oci = await open()
    await oci.pull(registry.reference("app:1"))
    registry.log.clear()
    const exporting = bytesOf(oci, registry.reference("app:1"), { format: "oci-archive", policy: "never" })
    expect(await reasonOf(exporting)).toMatchObject({ _tag: "NotCached" })
    expect(registry.log.all).toEqual([])
  })
})
