/** No state that a pull leaves makes the next one fail: what is kept of a blob is a convenience, whatever it is. */
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import type { PullEvent } from "../../src/api/events.ts"
import { collect, fault, image, randomImage, startRegistry } from "../../src/testing/index.ts"
import { open, type TestClient } from "../support/open.ts"
import { randomLayer } from "../support/randomLayer.ts"

const made = randomImage("kept", { layers: 1 })

const wholeOf = async () => {
  const { blobs, manifests } = await made
  const { digest = "" } = manifests[0]?.layers[0] ?? {}
  const content = blobs.get(digest)
  if (content === undefined) throw new Error("it has a layer")
  return { digest, bytes: await collect(content) }
}

/** What may answer a request for a range. */
const ranges = {
  served: undefined,
  "refused with 416": fault.status(416),
  "refused with 400": fault.status(400),
  "refused with 405": fault.status(405),
  "refused with 501": fault.status(501),
  "answered with the whole": fault.ignoreRange(),
  "answered without a Content-Range": fault.contentRange(""),
  "answered with a Content-Range that makes no sense": fault.contentRange("bytes ?"),
  "answered from an earlier byte on": fault.shiftedRange(-10)
} as const

const start = async (action: (typeof ranges)[keyof typeof ranges]) => {
  const registry = await startRegistry({ images: { "app:1": await made } })
  if (action !== undefined)
    registry.fault({ kind: "blob", when: ({ headers }) => headers["range"] !== undefined }, action)
  return registry
}

test.for(Object.entries(ranges))(
  "a pull whose body was cut after 50 bytes is followed by one that succeeds, with ranges %s",
  async ([, action]) => {
    await using registry = await start(action)
    const { digest } = await wholeOf()
    const uncut = registry.fault({ kind: "blob", reference: digest, times: 1 }, fault.cut(50))
    await using oci = await open({ retry: { times: 0 } })
    await expect(oci.pull(registry.reference("app:1"))).rejects.toThrow(/interrupted after 50 bytes/)
    uncut()
    expect((await oci.pull(registry.reference("app:1"))).layers).toHaveLength(1)
  }
)

const states: Readonly<Record<string, (whole: Buffer) => Buffer>> = {
  "wrong from the first byte on": (whole) => Buffer.alloc(Math.floor(whole.length / 2), 7),
  "wrong after a good beginning": (whole) => Buffer.concat([whole.subarray(0, 1000), Buffer.alloc(1000, 7)]),
  "an HTML page": () => Buffer.from("<html><body>Log in</body></html>"),
  "all zeros, as a power cut leaves it": (whole) => Buffer.alloc(whole.length),
  "of the right length, one byte wrong": (whole) => {
    const bytes = Buffer.from(whole)
    bytes[whole.length - 20] = (bytes[whole.length - 20] ?? 0) ^ 1
    return bytes
  },
  "larger than the blob": (whole) => Buffer.concat([whole, whole]),
  "one byte short": (whole) => whole.subarray(0, -1),
  nothing: () => Buffer.alloc(0)
}

describe.for(["served", "refused with 416"] as const)("with ranges %s", (how) => {
  test.for(Object.entries(states))("what is kept may be %s", async ([, state]) => {
    await using registry = await start(ranges[how])
    const { digest, bytes } = await wholeOf()
    await using oci = await open({ retry: { times: 0 } })
    await mkdir(join(oci.root, "partial"), { recursive: true })
    await writeFile(join(oci.root, "partial", digest), state(Buffer.from(bytes)))
    expect((await oci.pull(registry.reference("app:1"))).layers).toHaveLength(1)
    expect(await oci.layers()).toEqual([`${digest}.extracted`])
  })
})

describe("a pull that goes on where another stopped", () => {
  const layers = ["a", "b", "c"].map((name) => randomLayer(name, 600_000))
  const eventsOf = (oci: TestClient, reference: string) => {
    const events: Array<PullEvent> = []
    const controller = new AbortController()
    const done = oci.pull(reference, { signal: controller.signal, onEvent: (event) => events.push(event) })
    done.catch(() => {})
    return { events, done, stop: () => controller.abort() }
  }

  test("knows the kept bytes of all layers when it is resolved, and never has received less", async () => {
    const app = await image({ layers })
    await using registry = await startRegistry({ images: { "app:1": app } })
    await using oci = await open({ retry: { times: 0 } })
    const uncut = registry.fault({ kind: "blob", when: ({ reference }) => reference !== undefined }, fault.cut(400_000))
    const sizes = new Map(app.manifests[0]?.layers.map(({ digest, size }) => [digest, size]))
    // One pull is not enough to have bytes of each: the first failure ends the others.
    for (let at = 0; at < 9 && (await oci.kept([...sizes.keys()])).length < 3; at++)
      await oci.pull(registry.reference("app:1")).catch(() => {})
    const kept = new Map((await oci.kept([...sizes.keys()])).map(({ digest, bytes }) => [digest, bytes]))
    expect(kept.size).toBe(3)
    uncut()
    const { events, done } = eventsOf(oci, registry.reference("app:1"))
    await done
    const resolved = events.find((event) => event._tag === "Resolved")
    expect(new Map(resolved?.layers.map(({ digest, kept }) => [digest, kept]))).toEqual(kept)
    for (const event of events)
      if (event._tag === "LayerStarted") expect(event.offset).toBe(kept.get(event.digest))
      else if (event._tag === "LayerProgress")
        expect(event.received).toBeGreaterThanOrEqual(kept.get(event.digest) ?? Infinity)
    const fresh = await startRegistry({ images: { "app:1": await image({ layers: [randomLayer("new", 1000)] }) } })
    const first = eventsOf(oci, fresh.reference("app:1"))
    await first.done
    await fresh.close()
    expect(first.events.find((event) => event._tag === "Resolved")?.layers[0]).not.toHaveProperty("kept")
  })

  test("tells of the layers that are there before it downloads others, whoever holds the permits", async () => {
    const [one = randomLayer("a"), ...more] = layers
    await using registry = await startRegistry({
      images: { "one:1": await image({ layers: [one] }), "all:1": await image({ layers: [one, ...more] }) }
    })
    await using oci = await open({ concurrency: 1 })
    await oci.pull(registry.reference("one:1"))
    registry.fault({ kind: "blob", when: ({ reference }) => reference !== undefined }, fault.stall(100_000))
    const { events, done, stop } = eventsOf(oci, registry.reference("all:1"))
    await expect.poll(() => events.some(({ _tag }) => _tag === "LayerStarted"), { timeout: 20_000 }).toBe(true)
    expect(events.map(({ _tag }) => _tag).filter((tag) => tag.startsWith("Layer"))).toEqual([
      "LayerCached",
      "LayerStarted"
    ])
    stop()
    await expect(done).rejects.toThrow()
  })
})
