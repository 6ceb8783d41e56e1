import { lstat, mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { firstValueFrom, lastValueFrom, toArray } from "rxjs"
import { expect, test } from "vitest"
import { PullError } from "../../src/api/errors.ts"
import type { PullEvent } from "../../src/api/events.ts"
import { Puller, pull } from "../../src/Puller.ts"
import { openSqlJs } from "../../src/store/database/SqlJs.ts"
import { fault, image, imageIndex, randomImage, startRegistry, tar } from "../../src/testing/index.ts"
import { open, temporaryRoot } from "../support/open.ts"
import { rejection } from "../support/rejection.ts"

const motd = (text: string) => image({ layers: [{ files: { "etc/motd": text } }] })
const read = (path: string, name: string) => readFile(join(path, name), "utf8")

test("a pulled image is on disk, layer by layer in manifest order, and in the catalogue", async () => {
  const made = await randomImage("order", { layers: 4 })
  await using registry = await startRegistry({ images: { "app:1": made } })
  await using oci = await open()
  const pulled = await oci.pull(registry.reference("app:1"))
  expect(pulled.layers.map(({ digest }) => digest)).toEqual(made.manifests[0]?.layers.map(({ digest }) => digest))
  for (const [i, layer] of pulled.layers.entries()) {
    for (const entry of made.entries[i] ?? []) {
      if (entry.type === "file")
        expect(await readFile(join(layer.path, entry.path))).toEqual(Buffer.from(entry.body ?? []))
      if (entry.type === "directory") expect((await lstat(join(layer.path, entry.path))).isDirectory()).toBe(true)
    }
  }
  expect(await oci.images()).toMatchObject([{ reference: `${registry.host}/app:1`, digest: made.digest }])
})

test("events tell the whole pull, and Pulled comes last", async () => {
  await using registry = await startRegistry({ images: { "app:1": await motd("hello\n") } })
  await using oci = await open()
  const events = await lastValueFrom(oci.pull$(registry.reference("app:1")).pipe(toArray()))
  const tags = events.map(({ _tag }) => _tag).filter((tag) => tag !== "LayerProgress")
  expect(tags).toEqual(["Resolving", "Resolved", "LayerStarted", "LayerDone", "Pulled"])
  expect(JSON.parse(JSON.stringify(events))).toEqual(events)
})

test("subscribing twice pulls twice; the second pull is answered from the store", async () => {
  await using registry = await startRegistry({ images: { "app:1": await motd("hello\n") } })
  await using oci = await open()
  const pull$ = oci.pull$(registry.reference("app:1"))
  expect(await lastValueFrom(pull$)).toMatchObject({ _tag: "Pulled", cached: false })
  registry.log.clear()
  expect(await lastValueFrom(pull$)).toMatchObject({ _tag: "Pulled", cached: true })
  expect(registry.log.all).toEqual([])
})

test("a pull that is answered from the store removes what a dead process left", async () => {
  await using registry = await startRegistry({ images: { "app:1": await motd("hello\n") } })
  await using home = await temporaryRoot()
  const reference = registry.reference("app:1")
  await using first = await open({ root: home.root })
  await first.pull(reference)
  const left = join(home.root, "layers", ".staging", "00000000-0000-4000-8000-000000000000", "layer")
  await mkdir(left, { recursive: true })
  await using oci = await open({ root: home.root })
  expect(await lastValueFrom(oci.pull$(reference))).toMatchObject({ cached: true })
  expect(await lstat(left).catch(() => "gone")).toBe("gone")
})

test("a name without its record is resolved at the registry, and no layer is downloaded", async () => {
  await using registry = await startRegistry({ images: { "app:1": await motd("hello\n") } })
  await using oci = await open()
  const reference = registry.reference("app:1")
  const pulled = await oci.pull(reference)
  await rm(join(oci.root, "references"), { recursive: true })
  registry.log.clear()
  expect((await oci.pull(reference, { policy: "never" })).digest).toBe(pulled.digest)
  expect(registry.log.all).toEqual([])
  expect((await oci.pull(reference)).digest).toBe(pulled.digest)
  expect(registry.log.count({ kind: "blob" })).toBe(1)
  registry.log.clear()
  expect(await lastValueFrom(oci.pull$(reference))).toMatchObject({ cached: true })
  expect(registry.log.all).toEqual([])
})

test("a catalogue of a newer version ends a pull that has asked for a layer and waits for its bytes", async () => {
  const next = await motd("new\n")
  const layer = { kind: "blob", reference: next.manifests[0]?.layers[0]?.digest ?? "" } as const
  await using registry = await startRegistry({ images: { "app:1": await motd("old\n"), "app:2": next } })
  await using oci = await open()
  await oci.pull(registry.reference("app:1"))
  const database = join(oci.root, "oci.db")
  const later = await Effect.runPromise(openSqlJs(await readFile(database)))
  await Effect.runPromise(later.client`INSERT INTO schema_migrations VALUES (99, 'later', 'now')`)
  await writeFile(database, later.export())
  await using late = await open({ root: oci.root })
  registry.fault(layer, fault.stall(0))
  const error = await rejection(late.pull(registry.reference("app:2")))
  expect(error.reason).toMatchObject({ _tag: "CatalogueTooNew" })
  expect(registry.log.count(layer)).toBe(1)
})

test("the Effect face pulls through the Puller of its context", async () => {
  await using registry = await startRegistry({ images: { "app:1": await motd("effect\n") } })
  await using home = await temporaryRoot()
  const pulled = await Effect.runPromise(
    pull(registry.reference("app:1")).pipe(Effect.provide(Puller.layer({ root: home.root })), Effect.scoped)
  )
  expect(await read(pulled.layers[0]?.path ?? "", "etc/motd")).toBe("effect\n")
})

test("a failed pull is a PullError that names reference and reason", async () => {
  await using registry = await startRegistry()
  await using oci = await open()
  const error = await rejection(oci.pull(registry.reference("nothing:here")))
  expect(error).toBeInstanceOf(PullError)
  expect(error.reason._tag).toBe("ManifestNotFound")
  expect(error.message).toContain("nothing")
})

test("a layer that repeats in an image is downloaded once and listed each time", async () => {
  const twice = { files: { "a.txt": "same\n" } }
  const made = await image({ layers: [twice, { files: { "b.txt": "other\n" } }, twice] })
  await using registry = await startRegistry({ images: { "app:1": made } })
  await using oci = await open()
  const pulled = await oci.pull(registry.reference("app:1"))
  expect(pulled.layers).toHaveLength(3)
  expect(pulled.layers[2]).toEqual(pulled.layers[0])
  expect(registry.log.count({ kind: "blob", reference: pulled.layers[0]?.digest ?? "" })).toBe(1)
})

test("an image without layers is pulled", async () => {
  await using registry = await startRegistry({ images: { "empty:1": await image({ layers: [] }) } })
  await using oci = await open()
  expect((await oci.pull(registry.reference("empty:1"))).layers).toEqual([])
  expect(await oci.pull(registry.reference("empty:1"), { policy: "never" })).toMatchObject({ layers: [] })
})

test.each([[[["note"]]], ["note"], [7]])("annotations that are no object are none: %j", async (annotations) => {
  const made = await image({ layers: [{ files: { a: "a" } }] })
  await using registry = await startRegistry({ images: { "app:1": made } })
  const { bytes, mediaType } = made.documents.get(made.digest) ?? expect.unreachable()
  const manifest = JSON.parse(Buffer.from(bytes).toString())
  registry.addDocument("app", Buffer.from(JSON.stringify({ ...manifest, annotations })), mediaType, "odd")
  await using oci = await open()
  await oci.pull(registry.reference("app:odd"))
  expect(await oci.inspect(registry.reference("app:odd"))).toMatchObject({ manifests: [{ annotations: {} }] })
  expect(await oci.images()).toHaveLength(1)
})

test("an empty layer is a directory, and is not fetched again", async () => {
  const made = await image({ layers: [tar(), { files: { "a.txt": "a" } }] })
  await using registry = await startRegistry({ images: { "app:1": made } })
  await using oci = await open()
  const pulled = await oci.pull(registry.reference("app:1"))
  expect((await lstat(pulled.layers[0]?.path ?? "")).isDirectory()).toBe(true)
  registry.log.clear()
  await oci.pull(registry.reference("app:1"))
  expect(registry.log.all).toEqual([])
})

for (const [name, options] of Object.entries({
  "a Docker manifest": { format: "docker" },
  "an OCI index": { index: true },
  "a Docker manifest list": { format: "docker", index: true },
  "a nested index": { nested: true },
  "an index with attestations": { attestations: true },
  "plain layers": { compression: "none" },
  "gzip with several members": { compression: "gzip-members" },
  "zstd layers": { compression: "zstd" }
} as const)) {
  test(`${name} is pulled like any other image`, async () => {
    const made = await image({ layers: [{ files: { "etc/motd": `${name}\n` } }], ...options })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await open()
    const pulled = await oci.pull(registry.reference("app:1"), { platform: "linux/amd64" })
    expect(pulled.digest).toBe(made.digest)
    expect(await read(pulled.layers[0]?.path ?? "", "etc/motd")).toBe(`${name}\n`)
  })
}

test("each pulled platform of an image stays in the catalogue", async () => {
  const [amd64, arm64] = await Promise.all(
    ["linux/amd64", "linux/arm64"].map((platform) => image({ platform, layers: [{ files: { "etc/arch": platform } }] }))
  )
  if (amd64 === undefined || arm64 === undefined) return expect.unreachable()
  await using registry = await startRegistry({ images: { "app:1": imageIndex([amd64, arm64]) } })
  await using oci = await open()
  for (const platform of ["linux/arm64", "linux/amd64"]) {
    const pulled = await oci.pull(registry.reference("app:1"), { platform })
    expect(pulled.platform).toBe(platform)
    expect(await read(pulled.layers[0]?.path ?? "", "etc/arch")).toBe(platform)
  }
  for (const platform of ["linux/arm64", "linux/amd64"]) {
    expect(await oci.pull(registry.reference("app:1"), { platform, policy: "never" })).toMatchObject({ platform })
  }
  const error = await rejection(oci.pull(registry.reference("app:1"), { platform: "linux/s390x" }))
  expect(error.reason).toMatchObject({ _tag: "PlatformNotFound", offered: ["linux/amd64", "linux/arm64"] })
})

test("policy missing ignores a tag that moved; always downloads only what changed", async () => {
  const base = { files: { "base.txt": "base\n" } }
  const [one, two] = [
    await image({ layers: [base, { files: { v: "1" } }] }),
    await image({ layers: [base, { files: { v: "2" } }] })
  ]
  await using registry = await startRegistry({ images: { "app:1": one } })
  await using oci = await open()
  await oci.pull(registry.reference("app:1"))
  registry.add("app:1", two)
  expect((await oci.pull(registry.reference("app:1"))).digest).toBe(one.digest)
  registry.log.clear()
  const moved = await oci.pull(registry.reference("app:1"), { policy: "always" })
  expect(moved.digest).toBe(two.digest)
  expect(registry.log.count({ kind: "blob", reference: moved.layers[0]?.digest ?? "" })).toBe(0)
  expect(registry.log.count({ kind: "blob", reference: moved.layers[1]?.digest ?? "" })).toBe(1)
  registry.log.clear()
  expect(await lastValueFrom(oci.pull$(registry.reference("app:1"), { policy: "always" }))).toMatchObject({
    cached: true
  })
  expect(registry.log.count({ kind: "blob" })).toBe(0)
})

test("policy never returns complete images, and fails for others without the network", async () => {
  await using registry = await startRegistry({ images: { "app:1": await motd("hello\n") } })
  await using oci = await open()
  expect((await rejection(oci.pull(registry.reference("app:1"), { policy: "never" }))).reason._tag).toBe("NotCached")
  expect(registry.log.all).toEqual([])
  await oci.pull(registry.reference("app:1"))
  await registry.close()
  expect(await oci.pull(registry.reference("app:1"), { policy: "never" })).toMatchObject({ layers: [{}] })
})

test("a layer whose directory is missing is downloaded again; the others are not", async () => {
  const made = await image({ layers: [{ files: { a: "a" } }, { files: { b: "b" } }] })
  await using registry = await startRegistry({ images: { "app:1": made } })
  await using oci = await open()
  const pulled = await oci.pull(registry.reference("app:1"))
  await rm(pulled.layers[0]?.path ?? "", { recursive: true })
  registry.log.clear()
  expect(await oci.pull(registry.reference("app:1"))).toEqual(pulled)
  expect(await read(pulled.layers[0]?.path ?? "", "a")).toBe("a")
  expect(registry.log.count({ kind: "blob", reference: pulled.layers[0]?.digest ?? "" })).toBe(1)
  expect(registry.log.count({ kind: "blob", reference: pulled.layers[1]?.digest ?? "" })).toBe(0)
})

test("layersDir holds the layers, all of them, and is asked again", async () => {
  await using registry = await startRegistry({ images: { "app:1": await motd("elsewhere\n") } })
  await using other = await temporaryRoot()
  const layersDir = join(other.root, "trees")
  await using oci = await open({ layersDir })
  const pulled = await oci.pull(registry.reference("app:1"))
  expect(pulled.layers[0]?.path).toBe(join(layersDir, `${pulled.layers[0]?.digest}.extracted`))
  await rm(pulled.layers[0]?.path ?? "", { recursive: true })
  expect(await read((await oci.pull(registry.reference("app:1"))).layers[0]?.path ?? "", "etc/motd")).toBe(
    "elsewhere\n"
  )
})

test("sandboxes.io is stored under the name that was asked for", async () => {
  await using oci = await open({ retry: { times: 0 }, timeouts: { connect: 50 } })
  const seen: Array<PullEvent> = []
  await rejection(oci.pull("sandboxes.io/library/nothing", { onEvent: (event) => seen.push(event), policy: "never" }))
  expect(seen).toEqual([{ _tag: "Resolving", reference: "sandboxes.io/library/nothing:latest" }])
})

test("pinned by digest, a tag may say what it likes", async () => {
  const [one, two] = [await motd("one\n"), await motd("two\n")]
  await using registry = await startRegistry({ images: { "app:1": one } })
  await using oci = await open()
  registry.add("app:1", two)
  const pulled = await oci.pull(registry.reference(`app:1@${one.digest}`))
  expect(await read(pulled.layers[0]?.path ?? "", "etc/motd")).toBe("one\n")
})

test("pulls at once of images that share layers fetch each blob once", async () => {
  const base = { files: { "base.bin": "x".repeat(200_000) } }
  const images = await Promise.all([1, 2, 3, 4].map((n) => image({ layers: [base, { files: { n: String(n) } }] })))
  await using registry = await startRegistry({
    images: Object.fromEntries(images.map((it, n) => [`app:${n}`, it]))
  })
  await using oci = await open()
  const pulled = await Promise.all(images.map((_, n) => oci.pull(registry.reference(`app:${n}`))))
  expect(registry.log.count({ kind: "blob", reference: pulled[0]?.layers[0]?.digest ?? "" })).toBe(1)
  expect(await oci.layers()).toHaveLength(5)
})

test("entries$ gives an image's files without writing them", async () => {
  const made = await image({ layers: [{ files: { "etc/os-release": "ID=test\n", "etc/other": "no" } }] })
  await using registry = await startRegistry({ images: { "app:1": made } })
  await using oci = await open()
  const entries = await lastValueFrom(oci.entries$(registry.reference("app:1")).pipe(toArray()))
  expect(entries.map(({ path }) => path)).toContain("etc/os-release")
  const found = await firstValueFrom(oci.entries$(registry.reference("app:1")).pipe((source) => source))
  expect(found.layer).toBe(made.manifests[0]?.layers[0]?.digest)
  expect(await oci.layers()).toEqual([])
})
