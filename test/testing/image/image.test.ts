import { createHash } from "node:crypto"
import { chmod, link, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Readable } from "node:stream"
import { createGunzip, gunzipSync } from "node:zlib"
import { describe, expect, test } from "vitest"
import {
  bigLayer,
  type Content,
  collect,
  digestOf,
  image,
  imageFromDirectory,
  imageIndex,
  layerFromFiles,
  makeLayer,
  mediaTypes,
  nodeImage,
  Prng,
  randomImage,
  type TestImage,
  tar,
  zstdFrame
} from "../../../src/testing/index.ts"

const blobOf = async ({ blobs }: TestImage, digest: string) => collect(blobs.get(digest) as Content)
const parsed = ({ documents, digest }: TestImage) =>
  JSON.parse(Buffer.from(documents.get(digest)?.bytes ?? []).toString())

describe("image", () => {
  test("every digest and size is that of the bytes", async () => {
    const made = await image({
      layers: [{ files: { a: "1" } }, tar().file("b", "2")],
      attestations: true,
      nested: true
    })
    for (const [digest, { bytes }] of made.documents) expect(digestOf(bytes)).toBe(digest)
    for (const [digest, content] of made.blobs) expect(digestOf(await collect(content))).toBe(digest)
    for (const { digest, diffId, size, inflated } of made.manifests[0]?.layers ?? []) {
      const blob = await blobOf(made, digest)
      expect(blob.length).toBe(size)
      expect(gunzipSync(blob).length).toBe(inflated)
      expect(digestOf(gunzipSync(blob))).toBe(diffId)
    }
  })
  test("the config has the diffIDs in order, and what is laid over it", async () => {
    const made = await image({
      layers: [{ files: { a: "1" } }, { files: { b: "2" } }],
      platform: "linux/arm/v7",
      config: { author: "me" }
    })
    const [manifest] = made.manifests
    expect(manifest?.config.value).toMatchObject({
      os: "linux",
      architecture: "arm",
      variant: "v7",
      author: "me",
      rootfs: { type: "layers", diff_ids: manifest?.layers.map(({ diffId }) => diffId) }
    })
    expect(JSON.parse((await blobOf(made, manifest?.config.digest ?? "")).toString())).toEqual(manifest?.config.value)
  })
  test.each([
    ["oci", "none", mediaTypes.oci.none],
    ["oci", "gzip", mediaTypes.oci.gzip],
    ["oci", "gzip-members", mediaTypes.oci.gzip],
    ["oci", "zstd-raw", mediaTypes.oci.zstd],
    ["docker", "none", mediaTypes.docker.none],
    ["docker", "gzip", mediaTypes.docker.gzip]
  ] as const)("a layer of format %s and compression %s says so", async (format, compression, mediaType) => {
    const made = await image({ format, compression })
    expect(made.mediaType).toBe(mediaTypes[format].manifest)
    expect(parsed(made).layers[0].mediaType).toBe(mediaType)
    expect(parsed(made).config.mediaType).toBe(mediaTypes[format].config)
  })
  test("gzip in members inflates to the archive", async () => {
    const made = await makeLayer({ files: { a: "x".repeat(300_000) }, compression: "gzip-members" })
    const blob = await collect(made.blob)
    expect(blob.indexOf(Buffer.from([0x1f, 0x8b, 8]), 10)).toBeGreaterThan(0)
    expect(digestOf(gunzipSync(blob))).toBe(made.layer.diffId)
  })
  test("a raw zstd frame is blocks of raw and repeated bytes", async () => {
    const pieces: Array<Uint8Array> = []
    for await (const piece of zstdFrame([Buffer.from("ab"), new Uint8Array(200_000)])) pieces.push(piece)
    const frame = Buffer.concat(pieces)
    expect(frame.readUInt32LE(0)).toBe(0xfd2fb528)
    // A raw block of 128 KiB, a repeated byte for the rest, an empty last block.
    expect(frame.length).toBe(6 + 3 + 131_072 + 4 + 3)
  })
  test("layers may be shared, repeated, foreign, and may lie", async () => {
    const shared = await makeLayer({ files: { a: "1" } })
    const liar = { files: { b: "2" }, diffId: `sha256:${"0".repeat(64)}`, size: 7, urls: ["https://example.com/b"] }
    const made = await image({ layers: [shared, shared, liar] })
    const { layers } = parsed(made)
    expect(layers[0].digest).toBe(layers[1].digest)
    expect(layers[2]).toMatchObject({ size: 7, urls: ["https://example.com/b"] })
    expect(made.manifests[0]?.layers[2]?.diffId).toBe(liar.diffId)
    expect(made.blobs.size).toBe(3)
  })
  test("what is made anew for each reading is the same as what is held", async () => {
    const held = await makeLayer({ files: { a: "1".repeat(100_000) } })
    const streamed = await makeLayer({ files: { a: "1".repeat(100_000) }, streamed: true })
    expect(streamed.layer).toEqual(held.layer)
    expect((await collect(streamed.blob)).equals(await collect(held.blob))).toBe(true)
  })
})

describe("imageIndex", () => {
  test("it has an entry for each platform, and BuildKit's attestations beside them", async () => {
    const images = [await image({ platform: "linux/amd64" }), await image({ platform: "linux/arm64/v8" })]
    const { manifests } = parsed(imageIndex(images, { attestations: true }))
    expect(manifests.map((m: { platform: unknown }) => m.platform)).toEqual([
      { architecture: "amd64", os: "linux" },
      { architecture: "arm64", os: "linux", variant: "v8" },
      { architecture: "unknown", os: "unknown" },
      { architecture: "unknown", os: "unknown" }
    ])
    expect(manifests[2].annotations["vnd.docker.reference.digest"]).toBe(images[0]?.digest)
  })
  test("a nested index names the index that names the manifest", async () => {
    const made = await image({ nested: true })
    const { manifests } = parsed(made)
    expect(manifests[0].mediaType).toBe(mediaTypes.oci.index)
    expect(parsed({ ...made, digest: manifests[0].digest }).manifests[0].digest).toBe(made.manifests[0]?.digest)
  })
})

describe("bigLayer", () => {
  test("its blob inflates to its archive, whatever the remainder", async () => {
    const { layer, blob } = await bigLayer({ size: 5_000_001, chunk: Buffer.from("0123456789".repeat(10_000)) })
    const archive = gunzipSync(await collect(blob))
    expect([digestOf(await collect(blob)), digestOf(archive), archive.length]).toEqual([
      layer.digest,
      layer.diffId,
      layer.inflated
    ])
    expect(archive.toString("latin1", 512 + 5_000_000, 512 + 5_000_001)).toBe("0")
  })
  test("256 MiB of zeros are a quarter of a megabyte", async () => {
    const { layer, blob } = await bigLayer({ size: 2 ** 28 })
    expect(layer.size).toBeLessThan(2 ** 19)
    const hash = createHash("sha256")
    for await (const piece of Readable.from(blob.read(0, blob.size)).pipe(createGunzip())) hash.update(piece)
    expect(`sha256:${hash.digest("hex")}`).toBe(layer.diffId)
  })
})

describe("randomImage", () => {
  test("the same seed gives the same image, another seed another", async () => {
    const [a, b, c] = [await randomImage("seed"), await randomImage("seed"), await randomImage("other")]
    expect(a.digest).toBe(b.digest)
    expect(a.manifests[0]?.layers).toEqual(b.manifests[0]?.layers)
    expect(c.digest).not.toBe(a.digest)
  })
  test("uncompressed, a seed's digest is the same on every machine", async () => {
    const { digest } = await randomImage(42, { compression: "none" })
    expect(digest).toBe("sha256:1f86cc02d9a050e4d67c186b9c0d247a67e5b8c114df13680de66301c2a9ccf4")
  })
  test("no path stands twice in a layer, and a hard link comes after its target", async () => {
    for (let seed = 0; seed < 20; seed++) {
      const { entries } = await randomImage(seed, { compression: "none", layers: 3, entries: 40 })
      for (const layer of entries) {
        const paths = layer.filter(({ type }) => type !== "whiteout" && type !== "opaque").map(({ path }) => path)
        expect(new Set(paths).size).toBe(paths.length)
        for (const [i, { type, target }] of layer.entries())
          if (type === "hardLink") expect(layer.findIndex(({ path }) => path === target)).toBeLessThan(i)
      }
    }
  })
  test("numbers are spread over their range", () => {
    const prng = new Prng(1)
    const counts = new Array<number>(10).fill(0)
    for (let i = 0; i < 10_000; i++) {
      const n = prng.below(10)
      counts[n] = (counts[n] ?? 0) + 1
    }
    expect(Math.min(...counts)).toBeGreaterThan(850)
    expect(Math.max(...counts)).toBeLessThan(1150)
  })
})

describe("files of the host", () => {
  test("modes, links and parents go into the layer, owners do not", async () => {
    const directory = await mkdtemp(join(tmpdir(), "ociflow-files-"))
    try {
      await mkdir(join(directory, "sub"))
      await writeFile(join(directory, "sub", "script"), "#!/bin/sh\n")
      await chmod(join(directory, "sub", "script"), 0o755)
      await link(join(directory, "sub", "script"), join(directory, "sub", "twin"))
      await symlink("script", join(directory, "sub", "link"))
      const listed = tar().directory("opt").directory("opt/app").bytes().length
      const bytes = await collect((await layerFromFiles({ "opt/app": directory })).content())
      expect(bytes.length).toBeGreaterThan(listed)
      const made = await imageFromDirectory(directory, { compression: "none", keep: (path) => path !== "sub/link" })
      const text = (await blobOf(made, made.manifests[0]?.layers[0]?.digest ?? "")).toString("latin1")
      const typeOf = (name: string) => text[text.indexOf(`${name}\0`) + 156]
      expect(["sub/", "sub/script", "sub/twin"].map(typeOf)).toEqual(["5", "0", "1"])
      expect(text).not.toContain("sub/link")
      expect(text.slice(text.indexOf("sub/script\0") + 100).slice(0, 24)).toBe("0000755\x000000000\x000000000\x00")
    } finally {
      await rm(directory, { recursive: true })
    }
  })
  test("the running Node makes an image of three layers", { timeout: 60_000 }, async () => {
    const made = await nodeImage()
    const [manifest] = made.manifests
    expect(manifest?.layers).toHaveLength(3)
    expect(manifest?.layers[1]?.inflated).toBeGreaterThan(20_000_000)
    expect(parsed(made).mediaType).toBe(mediaTypes.oci.index)
  })
})
