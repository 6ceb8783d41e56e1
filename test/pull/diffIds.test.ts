/** What was proven of a blob stays proven, and what was not is asked again; nobody can claim otherwise. */
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, test } from "vitest"
import { fault, image, Prng, startRegistry, tar } from "../../src/testing/index.ts"
import { open } from "../support/open.ts"
import { randomLayer } from "../support/randomLayer.ts"
import { reasonOf } from "../support/rejection.ts"

test("an image that claims another diffID for a layer on disk is refused", async () => {
  const honest = await image({ layers: [randomLayer("a", 300_000), randomLayer("b")] })
  const [a, b] = honest.manifests[0]?.layers ?? []
  if (a === undefined || b === undefined) return expect.unreachable()
  const liar = await image({
    layers: [randomLayer("a", 300_000)],
    config: { rootfs: { type: "layers", diff_ids: [`sha256:${"1".repeat(64)}`] } }
  })
  await using registry = await startRegistry({ images: { "honest:1": honest, "liar:1": liar } })
  // One at a time, the largest first.
  await using oci = await open({ retry: { times: 0 }, concurrency: 1 })
  const heal = registry.fault({ reference: b.digest }, fault.status(404))
  expect(await reasonOf(oci.pull(registry.reference("honest:1")))).toMatchObject({ _tag: "BlobNotFound" })
  expect(await oci.layers()).toEqual([`${a.digest}.extracted`])
  expect(await reasonOf(oci.pull(registry.reference("liar:1")))).toMatchObject({
    _tag: "DigestMismatch",
    subject: "diffID",
    message: expect.stringMatching(/^the image's config names diffID sha256:1{64} /),
    advice: expect.stringMatching(/so the image was built or pushed wrongly/)
  })
  heal()
  expect((await oci.pull(registry.reference("honest:1"))).layers).toHaveLength(2)
  expect(registry.log.count({ kind: "blob", reference: a.digest })).toBe(1)
})

test("of two pulls at once, the one with a wrong diffID fails and the other succeeds", async () => {
  const honest = await image({ layers: [randomLayer("a")] })
  const liar = await image({
    layers: [randomLayer("a")],
    config: { rootfs: { type: "layers", diff_ids: [`sha256:${"2".repeat(64)}`] } }
  })
  await using registry = await startRegistry({ images: { "honest:1": honest, "liar:1": liar } })
  await using oci = await open()
  const [lie, truth] = await Promise.allSettled([
    oci.pull(registry.reference("liar:1")),
    oci.pull(registry.reference("honest:1"))
  ])
  expect(truth.status).toBe("fulfilled")
  expect(lie).toMatchObject({ status: "rejected", reason: { reason: { _tag: "DigestMismatch", subject: "diffID" } } })
})

test("kept bytes that prove wrong are dropped and downloaded once more", async () => {
  const made = await image({ layers: [randomLayer("a")] })
  const layer = made.manifests[0]?.layers[0]
  await using registry = await startRegistry({ images: { "app:1": made } })
  await using oci = await open()
  await mkdir(join(oci.root, "partial"))
  await writeFile(join(oci.root, "partial", layer?.digest ?? ""), Buffer.alloc(50_000, 7))
  expect((await oci.pull(registry.reference("app:1"))).layers).toHaveLength(1)
  expect(registry.log.where({ reference: layer?.digest ?? "" }).map(({ start }) => start)).toEqual([50_000, 0])
})

test("proven bytes of a layer that is refused are not fetched again", async () => {
  const made = await image({ layers: [tar().file("a", new Prng("a").bytes(100_000)).file("b/../../../c", "escape")] })
  const layer = made.manifests[0]?.layers[0]?.digest ?? ""
  await using registry = await startRegistry({ images: { "app:1": made } })
  await using oci = await open({ limits: { fileBytes: 50_000 } })
  expect(await reasonOf(oci.pull(registry.reference("app:1")))).toMatchObject({ _tag: "LimitExceeded" })
  expect(await reasonOf(oci.pull(registry.reference("app:1")))).toMatchObject({ _tag: "LimitExceeded" })
  expect(registry.log.count({ reference: layer })).toBe(1)
})

test("an option that is undefined leaves its limit in force", async () => {
  const deep = Array.from({ length: 400 }, () => "d").join("/")
  await using registry = await startRegistry({
    images: { "deep:1": await image({ layers: [{ files: { [deep]: "" } }] }) }
  })
  const limits: Record<string, undefined> = { depth: undefined }
  await using oci = await open({ limits: limits as never })
  expect(await reasonOf(oci.pull(registry.reference("deep:1")))).toMatchObject({
    _tag: "LimitExceeded",
    limit: "depth"
  })
})

test("layout rootfs: wrong kept bytes are downloaded once more; another layer's failure ends the pull", async () => {
  const made = await image({ layers: [randomLayer("a"), randomLayer("b")] })
  const [a, b] = made.manifests[0]?.layers ?? []
  await using registry = await startRegistry({ images: { "app:1": made } })
  await using oci = await open({ layout: "rootfs", concurrency: 1, retry: { times: 0 } })
  await mkdir(join(oci.root, "partial"))
  await writeFile(join(oci.root, "partial", a?.digest ?? ""), Buffer.alloc(50_000, 7))
  registry.fault({ reference: b?.digest ?? "" }, fault.status(404))
  expect(await reasonOf(oci.pull(registry.reference("app:1")))).toMatchObject({ _tag: "BlobNotFound" })
  expect(registry.log.count({ reference: b?.digest ?? "" })).toBeLessThan(4)
})

test("an observer that throws ends its own pull and no other", async () => {
  const [one, two] = [await image({ layers: [randomLayer("a")] }), await image({ layers: [randomLayer("b")] })]
  await using registry = await startRegistry({ images: { "one:1": one, "two:1": two } })
  await using oci = await open()
  await writeFile(join(oci.root, "oci.db"), "no database at all, and long enough to be looked at as one")
  const thrown = new Error("mine")
  const onEvent = () => {
    throw thrown
  }
  const [bad, good] = await Promise.allSettled([
    oci.pull(registry.reference("one:1"), { onEvent }),
    oci.pull(registry.reference("two:1"))
  ])
  expect(bad).toMatchObject({ status: "rejected", reason: thrown })
  expect(good.status).toBe("fulfilled")
})
