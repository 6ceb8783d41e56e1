/** One blob by several requests at once: the same bytes, in the same order, under the same proofs. */
import { randomBytes } from "node:crypto"
import { describe, expect, test } from "vitest"
import { InvalidOption } from "../../../src/api/errors.ts"
import type { PullEvent } from "../../../src/api/events.ts"
import { contentOfBytes, fault, image, startRegistry, type TestImage } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"
import { reasonOf } from "../../support/rejection.ts"
import { digestOf } from "../images.ts"

const MiB = 2 ** 20
const made = await image({ compression: "none", layers: [{ files: { big: randomBytes(11 * MiB), tail: "the end" } }] })
const layer = made.manifests[0]?.layers[0] ?? { digest: "", size: 0 }

/** The same image by a manifest that tells another size of its layer. */
const sized = (of: TestImage, size: number): TestImage => {
  const [root] = of.documents.values()
  const manifest = JSON.parse(Buffer.from(root?.bytes ?? "").toString())
  manifest.layers[0].size = size
  const bytes = Buffer.from(JSON.stringify(manifest))
  const digest = digestOf(bytes)
  const documents = new Map([[digest, { digest, mediaType: of.mediaType, bytes }]])
  return { ...of, digest, size: bytes.length, documents, manifests: [] }
}
const start = () => startRegistry({ images: { "app:1": made } })

describe("ranges of one blob", () => {
  test("are off by default: one request, without a range", async () => {
    await using registry = await start()
    await using oci = await open()
    await oci.pull(registry.reference("app:1"))
    expect(registry.log.all.filter(({ reference }) => reference === layer.digest).map(({ range }) => range)).toEqual([
      undefined
    ])
  })

  test("cover it once, are asked for at once, and give the same tree", async () => {
    await using registry = await start()
    registry.fault({ kind: "blob", reference: layer.digest }, fault.slow({ latency: 100 }))
    await using oci = await open({ ranges: 4 })
    const before = registry.accepted()
    const pulled = await oci.pull(registry.reference("app:1"))
    expect(pulled.layers[0]?.digest).toBe(layer.digest)
    const ranges = registry.log.all.flatMap(({ range, reference }) => (reference === layer.digest ? [range] : []))
    expect(ranges).toEqual(["bytes=0-4194303", "bytes=4194304-8388607", `bytes=8388608-${layer.size - 1}`])
    expect(registry.accepted() - before).toBeGreaterThanOrEqual(3)
  })

  test("each go on where they broke", async () => {
    await using registry = await start()
    registry.fault({ kind: "blob", reference: layer.digest, nth: 2, times: 1 }, fault.cut(MiB))
    registry.fault({ kind: "blob", reference: layer.digest, nth: 3, times: 1 }, fault.status(503))
    await using oci = await open({ ranges: 4 })
    const events: Array<PullEvent> = []
    await oci.pull(registry.reference("app:1"), { onEvent: (event) => void events.push(event) })
    const ranges = registry.log.all.flatMap(({ range, reference }) => (reference === layer.digest ? [range] : []))
    expect(ranges).toHaveLength(5)
    expect(ranges.some((range) => /^bytes=(?:1048576|5242880|9437184)-/.test(range ?? ""))).toBe(true)
    expect(events.filter(({ _tag }) => _tag === "Retrying")).toHaveLength(2)
  })

  test("that a registry does not know are one body, and it is not asked for them again", async () => {
    await using registry = await start()
    registry.fault({ kind: "blob" }, fault.ignoreRange())
    await using oci = await open({ ranges: 4 })
    expect((await oci.pull(registry.reference("app:1"))).layers[0]?.digest).toBe(layer.digest)
    registry.log.clear()
    await oci.remove(registry.reference("app:1"))
    await oci.pull(registry.reference("app:1"))
    expect(registry.log.all.filter(({ reference }) => reference === layer.digest).map(({ range }) => range)).toEqual([
      undefined
    ])
  })

  test("go on at the registry where a mirror fails", async () => {
    await using origin = await start()
    await using mirror = await start()
    mirror.fault({ kind: "blob", reference: layer.digest, nth: 2 }, fault.cut(1000))
    await using oci = await open({ ranges: 4, hosts: { [origin.host]: { mirrors: [mirror.origin] } } })
    expect((await oci.pull(origin.reference("app:1"))).layers[0]?.digest).toBe(layer.digest)
    expect(origin.log.count({ kind: "blob" })).toBeGreaterThan(0)
  })

  test("of a blob that changes between them are refused by its digest", async () => {
    await using registry = await start()
    registry.fault({ kind: "blob", reference: layer.digest, nth: 3 }, fault.otherByte(9 * MiB))
    await using oci = await open({ ranges: 4, retry: { times: 0 } })
    expect(await reasonOf(oci.pull(registry.reference("app:1")))).toMatchObject({ _tag: "DigestMismatch" })
    expect(await oci.layers()).toEqual([])
  })

  test("of a blob that becomes another's size are refused at once", async () => {
    await using registry = await start()
    const other = contentOfBytes(randomBytes(12 * MiB))
    registry.addBlob("app", other, layer.digest)
    await using oci = await open({ ranges: 4, retry: { times: 0 } })
    expect(await reasonOf(oci.pull(registry.reference("app:1")))).toMatchObject({ _tag: "SizeMismatch" })
  })

  test("continue a download that was cut off, and leave no socket when cancelled", async () => {
    await using registry = await start()
    await using oci = await open({ ranges: 3 })
    registry.fault({ kind: "blob", reference: layer.digest }, fault.slow({ bytesPerSecond: 8 * MiB }))
    const controller = new AbortController()
    const pulling = oci.pull(registry.reference("app:1"), {
      signal: controller.signal,
      onEvent: (event) => {
        if (event._tag === "LayerProgress" && event.received > MiB) controller.abort(new Error("enough"))
      }
    })
    await expect(pulling).rejects.toThrow("enough")
    registry.clearFaults()
    registry.log.clear()
    const offsets: Array<number> = []
    await oci.pull(registry.reference("app:1"), {
      onEvent: (event) => void (event._tag === "LayerStarted" && offsets.push(event.offset))
    })
    expect(offsets[0]).toBeGreaterThan(0)
    const first = registry.log.all.find(({ reference }) => reference === layer.digest)
    expect(first?.range).toMatch(new RegExp(`^bytes=${offsets[0]}-`))
  })

  test("are planned only when they are due, whatever size the manifest claims", async () => {
    for (const [size, ranges] of [
      [1e15, 4],
      [1e15, 16],
      [2 ** 53 - 1, 2]
    ] as const) {
      await using registry = await startRegistry({ images: { "app:1": sized(made, size) } })
      await using oci = await open({ ranges, retry: { times: 0 }, limits: { blobBytes: Number.POSITIVE_INFINITY } })
      expect(await reasonOf(oci.pull(registry.reference("app:1")))).toMatchObject({ _tag: "SizeMismatch" })
      expect(registry.log.all.filter(({ reference }) => reference === layer.digest).length).toBeLessThanOrEqual(
        2 * ranges
      )
    }
  })

  test("of a blob that is larger than the limit are not asked for", async () => {
    for (const [blobBytes, size, reason] of [
      [layer.size, layer.size, undefined],
      [layer.size - 1, layer.size, "LimitExceeded"],
      [undefined, 1e15, "LimitExceeded"]
    ] as const) {
      await using registry = await startRegistry({ images: { "app:1": sized(made, size) } })
      await using oci = await open({ ranges: 4, limits: blobBytes === undefined ? {} : { blobBytes } })
      const pulling = oci.pull(registry.reference("app:1"))
      if (reason === undefined) {
        await pulling
        continue
      }
      expect(await reasonOf(pulling)).toMatchObject({ _tag: reason, limit: "blobBytes", subject: layer.digest })
      expect(registry.log.all.filter(({ reference }) => reference === layer.digest)).toEqual([])
    }
  })

  test("are a number of requests", async () => {
    const error = await reasonOf(open({ ranges: 0 }))
    expect(error).toBeInstanceOf(InvalidOption)
  })
})
