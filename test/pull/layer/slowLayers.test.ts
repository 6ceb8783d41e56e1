/** A layer whose download is slow, or stalls, keeps no other layer from a worker, and its own download waits for none. */
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, test } from "vitest"
import type { PullEvent } from "../../../src/api/events.ts"
import {
  type FaultAction,
  fault,
  image,
  startRegistry,
  type TestImage,
  type TestRegistry
} from "../../../src/testing/index.ts"
import { open, type TestClient } from "../../support/open.ts"
import { randomLayer } from "../../support/randomLayer.ts"
import { reasonOf } from "../../support/rejection.ts"

const imageOf = (...names: ReadonlyArray<string>) => image({ layers: names.map((name) => randomLayer(name)) })
const digestsOf = (made: TestImage) => made.manifests[0]?.layers.map(({ digest }) => digest) ?? []

/** Bodies that go on after so many bytes when they are let go; meanwhile, `trickle` sends a byte now and then. */
const heldBack = (after: number, trickle = false) => {
  let release = () => {}
  let isFree = false
  const freed = new Promise<void>((resolve) => {
    release = () => {
      isFree = true
      resolve()
    }
  })
  const action: FaultAction = (was) => {
    const { body } = was
    const read = async function* (start: number, end: number) {
      let at = Math.min(end, Math.max(start, after))
      yield* body.read(start, at)
      for (; trickle && !isFree && at < end; at++) {
        yield* body.read(at, at + 1)
        await sleep(20)
      }
      await freed
      yield* body.read(at, end)
    }
    return { ...was, body: { size: body.size, read } }
  }
  return { action, release }
}

const pulling = (oci: TestClient, reference: string) => {
  const events: Array<PullEvent> = []
  const abort = new AbortController()
  const done = oci.pull(reference, { signal: abort.signal, onEvent: (event) => events.push(event) })
  done.catch(() => {})
  const of = (digest: string) =>
    events.flatMap((event) => ("digest" in event && event.digest === digest ? [event._tag] : []))
  const progress = (digest: string) =>
    events.findLast((event) => event._tag === "LayerProgress" && event.digest === digest)
  const isReceived = (digest: string, size: number) => {
    const last = progress(digest)
    return last?._tag === "LayerProgress" && last.received === size
  }
  return { events, done, stop: () => abort.abort(), of, progress, isReceived }
}

const polled = { timeout: 60_000, interval: 20 }

describe("a tiny image goes past the layers of another registry", () => {
  test.each([
    { layout: "layers", stalled: 2, workers: 2, after: 100_000 },
    { layout: "layers", stalled: 4, workers: 1, after: 100_000 },
    // Before the first byte, and before the answer.
    { layout: "layers", stalled: 2, workers: 2, after: 0 },
    { layout: "layers", stalled: 2, workers: 1, after: -1 },
    { layout: "rootfs", stalled: 2, workers: 2, after: 100_000 },
    // These are read first, by four workers at the least.
    { layout: "erofs", stalled: 5, workers: 1, after: 100_000 }
  ] as const)(
    "$stalled that stall after $after bytes, with $workers workers: $layout",
    async ({ layout, stalled, workers, after }) => {
      const slow = await imageOf(...["a", "b", "c", "d", "e"].slice(0, stalled))
      const tiny = await image({ layers: [{ files: { "etc/motd": "hello" } }] })
      await using registry = await startRegistry({ images: { "slow:1": slow } })
      await using other = await startRegistry({ images: { "tiny:1": tiny } })
      for (const reference of digestsOf(slow)) registry.fault({ kind: "blob", reference }, fault.stall(after))
      await using oci = await open({ workers, concurrency: 8, layout })
      const stuck = pulling(oci, registry.reference("slow:1"))
      await registry.log.until((log) => digestsOf(slow).every((reference) => log.count({ reference }) > 0))
      const { layers } = await oci.pull(other.reference("tiny:1"))
      expect(layers).toHaveLength(1)
      if (layout !== "erofs") expect(await readFile(join(layers[0]?.path ?? "", "etc/motd"), "utf8")).toBe("hello")
      expect(stuck.events.map(({ _tag }) => _tag)).not.toContain("Pulled")
      stuck.stop()
      await expect(stuck.done).rejects.toThrow()
    }
  )
})

test.each(["layers", "rootfs", "erofs"] as const)(
  "eight layers are downloaded beside each other with one worker, and no byte twice: %s",
  async (layout) => {
    const made = await imageOf("a", "b", "c", "d", "e", "f", "g", "h")
    await using registry = await startRegistry({ images: { "app:1": made } })
    const { action, release } = heldBack(200_000)
    registry.fault({ kind: "blob", when: ({ reference }) => digestsOf(made).includes(reference ?? "") }, action)
    await using oci = await open({ workers: 1, concurrency: 8, layout })
    const { done } = pulling(oci, registry.reference("app:1"))
    const hasHalf = (reference: string) => registry.log.where({ reference }).some(({ sent }) => sent >= 200_000)
    await registry.log.until(() => digestsOf(made).every(hasHalf))
    release()
    expect((await done).layers).toHaveLength(8)
    for (const digest of digestsOf(made))
      expect([registry.log.count({ reference: digest }), registry.log.repeated(digest)]).toEqual([1, 0])
    expect((await oci.verify()).faults).toEqual([])
    expect(await oci.kept(digestsOf(made))).toEqual([])
  }
)

describe("LayerStarted is told when bytes flow", () => {
  test.each(["layers", "rootfs", "erofs"] as const)("not when they are asked for: %s", async (layout) => {
    const made = await imageOf("a", "b")
    await using registry = await startRegistry({ images: { "app:1": made, "tiny:1": await image() } })
    const { action, release } = heldBack(0)
    for (const reference of digestsOf(made)) registry.fault({ kind: "blob", reference }, action)
    await using oci = await open({ workers: 1, layout })
    const { done, of } = pulling(oci, registry.reference("app:1"))
    await registry.log.until((log) => digestsOf(made).every((reference) => log.count({ reference }) > 0))
    await oci.pull(registry.reference("tiny:1"))
    expect(digestsOf(made).map(of)).toEqual([[], []])
    release()
    await done
    for (const digest of digestsOf(made)) {
      const told = of(digest).filter((tag) => tag !== "LayerProgress")
      expect(told).toEqual(["LayerStarted", "LayerDone"])
      expect(of(digest)[0]).toBe("LayerStarted")
    }
  })

  test("also by a layer that waits for a worker, with what it receives meanwhile", async () => {
    await using one = await oneBusy()
    const { waiting, digest, size } = one
    await expect.poll(() => waiting.isReceived(digest, size), polled).toBe(true)
    const before = waiting.events.filter((event) => "digest" in event && event.digest === digest)
    expect(before[0]).toEqual({ _tag: "LayerStarted", digest, size, offset: 0 })
    for (const event of before) if (event._tag === "LayerProgress") expect(event.consumed).toBe(0)
    one.release()
    await waiting.done
    const received = waiting.events.flatMap((event) =>
      event._tag === "LayerProgress" && event.digest === digest ? [event.received] : []
    )
    expect(received).toEqual(received.toSorted((a, b) => a - b))
    expect(waiting.of(digest).at(-1)).toBe("LayerDone")
  })
})

interface Prepared {
  readonly oci: TestClient
  readonly registry: TestRegistry
  /** Of the layer that is to wait. */
  readonly digest: string
}

/** One worker, which has a layer that trickles, and a layer of another image that waits for it. */
const oneBusy = async (prepare: (given: Prepared) => Promise<void> | void = () => {}) => {
  const slow = await imageOf("slow")
  const made = await imageOf("waits")
  const registry = await startRegistry({ images: { "slow:1": slow, "app:1": made } })
  const [busy = ""] = digestsOf(slow)
  const [digest = ""] = digestsOf(made)
  const size = made.manifests[0]?.layers[0]?.size ?? 0
  const { action, release } = heldBack(1000, true)
  registry.fault({ kind: "blob", reference: busy }, action)
  const oci = await open({ workers: 1, retry: { times: 0 } })
  await prepare({ oci, registry, digest })
  const first = pulling(oci, registry.reference("slow:1"))
  await expect.poll(() => first.of(busy), polled).toContain("LayerProgress")
  return {
    registry,
    oci,
    digest,
    size,
    release,
    waiting: pulling(oci, registry.reference("app:1")),
    async [Symbol.asyncDispose]() {
      first.stop()
      await first.done.catch(() => {})
      await oci[Symbol.asyncDispose]()
      await registry.close()
    }
  }
}

describe("a layer that waits for a worker", () => {
  test("can be cancelled, and what it received is kept", async () => {
    await using one = await oneBusy()
    const { waiting, digest, size, oci, registry } = one
    await expect.poll(() => waiting.isReceived(digest, size), polled).toBe(true)
    waiting.stop()
    await expect(waiting.done).rejects.toThrow()
    expect(await oci.kept([digest])).toEqual([{ digest, bytes: size }])
    one.release()
    await oci.pull(registry.reference("app:1"))
    expect(registry.log.count({ reference: digest })).toBe(1)
  })

  test("can be cancelled in the middle of its download, whose connection is closed", async () => {
    await using one = await oneBusy()
    const { waiting, digest, oci, registry } = one
    await expect.poll(() => waiting.of(digest), polled).toContain("LayerStarted")
    waiting.stop()
    await expect(waiting.done).rejects.toThrow()
    await registry.log.until((log) => log.count({ reference: digest, state: "open" }) === 0)
    one.release()
    expect((await oci.pull(registry.reference("app:1"))).layers).toHaveLength(1)
  })

  test("fails as soon as its download does, and what it received is kept", async () => {
    await using one = await oneBusy(({ registry, digest }) => {
      registry.fault({ kind: "blob", reference: digest }, fault.cut(290_000))
    })
    const { waiting, digest, oci } = one
    expect(await reasonOf(waiting.done)).toMatchObject({ _tag: "BlobInterrupted", offset: 290_000 })
    expect(await oci.kept([digest])).toEqual([{ digest, bytes: 290_000 }])
  })

  test("goes on where an earlier pull stopped", async () => {
    const bytes = await blobOf("waits")
    const half = bytes.length >> 1
    await using one = await oneBusy(({ oci, digest }) => keep(oci, digest, bytes.subarray(0, half)))
    const { waiting, digest, size, registry, oci } = one
    await expect.poll(() => waiting.isReceived(digest, size), polled).toBe(true)
    one.release()
    await waiting.done
    expect(waiting.events).toContainEqual({ _tag: "LayerStarted", digest, size, offset: half })
    expect(registry.log.ranges(digest)).toEqual([[half, size]])
    expect((await oci.verify()).faults).toEqual([])
  })

  test("needs no request where all of it was kept", async () => {
    const bytes = await blobOf("waits")
    await using one = await oneBusy(({ oci, digest }) => keep(oci, digest, bytes))
    const { waiting, digest, size, registry } = one
    one.release()
    await waiting.done
    expect(waiting.events).toContainEqual({ _tag: "LayerStarted", digest, size, offset: size })
    expect(registry.log.count({ reference: digest })).toBe(0)
  })

  test("is downloaded again where the bytes that were kept prove wrong", async () => {
    const bytes = await blobOf("waits")
    await using one = await oneBusy(({ oci, digest }) => keep(oci, digest, Buffer.alloc(bytes.length >> 1, 7)))
    const { waiting, digest, size, registry, oci } = one
    await expect.poll(() => waiting.isReceived(digest, size), polled).toBe(true)
    one.release()
    await waiting.done
    expect(registry.log.ranges(digest)).toEqual([
      [bytes.length >> 1, size],
      [0, size]
    ])
    expect((await oci.verify()).faults).toEqual([])
  })

  test("is refused where the registry's bytes prove wrong, which are not kept", async () => {
    await using one = await oneBusy(({ registry, digest }) => {
      registry.fault({ kind: "blob", reference: digest }, fault.otherByte(290_000))
    })
    const { waiting, digest, size, oci } = one
    await expect.poll(() => waiting.isReceived(digest, size), polled).toBe(true)
    one.release()
    expect(await reasonOf(waiting.done)).toMatchObject({ _tag: "DigestMismatch", subject: "blob" })
    expect(await oci.kept([digest])).toEqual([])
    expect(await oci.layers()).not.toContain(`${digest}.extracted`)
  })
})

const blobOf = async (name: string) => {
  const { blobs, manifests } = await imageOf(name)
  const content = blobs.get(manifests[0]?.layers[0]?.digest ?? "")
  const pieces: Array<Uint8Array> = []
  if (content !== undefined) for await (const piece of content.read(0, content.size)) pieces.push(piece)
  return Buffer.concat(pieces)
}

const keep = async ({ root }: TestClient, digest: string, bytes: Uint8Array) => {
  await mkdir(join(root, "partial"), { recursive: true })
  await writeFile(join(root, "partial", digest), bytes)
}
