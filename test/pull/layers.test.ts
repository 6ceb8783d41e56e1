/** How many layers an image may have, and what it takes to find that out. */

import { readdirSync, readFileSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, test } from "vitest"
import { defaultLimits } from "../../src/api/config.ts"
import type { PullEvent } from "../../src/api/events.ts"
import { parseJson } from "../../src/image/json/parseJson.ts"
import { digestOf, readConfig, readManifest } from "../../src/registry/documents.ts"
import { fault, image, makeLayer, startRegistry, tar } from "../../src/testing/index.ts"
import { open } from "../support/open.ts"
import { reasonOf } from "../support/rejection.ts"

const tooMany = { _tag: "LimitExceeded", limit: "layers", unit: "layers" }

const layer = await makeLayer({ files: { f: "x" } })
const three = await image({ layers: [layer, { files: { g: "y" } }, layer] })

test.each(["layers", "rootfs"] as const)(
  "an image may have as many layers as the limit, and no more: %s",
  async (layout) => {
    await using registry = await startRegistry({ images: { "app:1": three } })
    for (const [layers, failure] of [
      [3, undefined],
      [2, { ...tooMany, maximum: 2 }]
    ] as const) {
      await using oci = await open({ layout, limits: { layers } })
      const pulling = oci.pull(registry.reference("app:1"))
      if (failure === undefined) await pulling
      else expect(await reasonOf(pulling)).toMatchObject(failure)
    }
  }
)

test.each([
  [7, 7],
  [8, 8],
  [9, 8],
  [30, 8]
])("of %i layers, %i are started at once, however many downloads are allowed", async (count, most) => {
  const layers = Array.from({ length: count }, (_, at) => ({ files: { [`f${at}`]: "x" } }))
  const made = await image({ layers })
  const digests = made.manifests[0]?.layers.map(({ digest }) => digest)
  await using registry = await startRegistry({ images: { "app:1": made } })
  registry.fault({ kind: "blob", when: ({ reference = "" }) => digests?.includes(reference) === true }, fault.stall(50))
  await using oci = await open({ concurrency: 30 })
  const started = new Set<string>()
  const stop = new AbortController()
  const onEvent = (event: PullEvent) => {
    if (event._tag === "LayerStarted") started.add(event.digest)
  }
  const pulling = oci.pull(registry.reference("app:1"), { onEvent, signal: stop.signal })
  pulling.catch(() => {})
  await expect.poll(() => started.size, { timeout: 30_000 }).toBe(most)
  expect(registry.log.where({ kind: "blob" }).filter(({ state }) => state === "open")).toHaveLength(most)
  stop.abort()
  await expect(pulling).rejects.toThrow()
})

describe("before its layers are looked at, an image is refused", () => {
  const digests = Array.from({ length: 501 }, (_, i) => `sha256:${i.toString(16).padStart(64, "0")}`)
  // None of them is a descriptor: who looked at one would say so.
  const senseless = digests.map(() => ({ size: "none" }))
  const manifest = (key: string, layers: ReadonlyArray<unknown>) => ({ schemaVersion: 2, config: {}, [key]: layers })

  test.each(["layers", "Layers", "LAYERS"])("by the length of %s", async (key) => {
    const bytes = Buffer.from(JSON.stringify(manifest(key, senseless)))
    const told = { expected: undefined, source: "", served: "application/vnd.oci.image.manifest.v1+json" }
    const error = await Effect.runPromise(Effect.flip(readManifest(bytes, told, defaultLimits)))
    expect(error).toMatchObject({ ...tooMany, maximum: 500 })
  })

  test.each([
    ["rootfs", "diff_ids"],
    ["RootFS", "Diff_Ids"]
  ])("by that of %s.%s", async (rootfs, key) => {
    const bytes = Buffer.from(JSON.stringify({ [rootfs]: { [key]: digests.map(() => "none") } }))
    const told = { mediaType: "", digest: digestOf("sha256", bytes), size: bytes.length }
    const error = await Effect.runPromise(Effect.flip(readConfig(bytes, told, defaultLimits)))
    expect(error).toMatchObject({ ...tooMany, maximum: 500 })
  })
})

test("a null is left out wherever it stands, but for a list, where it keeps its place", async () => {
  const text = '{"a":null,"b":[null,{"c":null,"d":1},[null]],"e":{"f":null},"__proto__":null}'
  expect(await Effect.runPromise(parseJson(Buffer.from(text)))).toEqual({ b: [null, { d: 1 }, [null]], e: {} })
  expect(await Effect.runPromise(parseJson(Buffer.from("null")))).toBeUndefined()
  const deep = Buffer.from("[".repeat(200_000) + "]".repeat(200_000))
  expect(await Effect.runPromise(Effect.flip(parseJson(deep)))).toBe("it is nested more than 500 deep")
})

test("an image of many layers is pulled with few of them in hand", async () => {
  const layers = await Promise.all(
    Array.from({ length: 150 }, (_, i) => makeLayer({ archive: tar().file(`f${i}`, String(i)), compression: "none" }))
  )
  await using registry = await startRegistry({ images: { "many:1": await image({ layers }) } })
  await using oci = await open()
  expect((await oci.pull(registry.reference("many:1"))).layers).toHaveLength(150)
})

const descriptors = () => readdirSync("/proc/self/fd").length

describe.runIf(process.platform === "linux")("many layers merged in one", () => {
  const many = Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      makeLayer({ archive: tar().file(`f${i % 100}`, String(i)), compression: "none" })
    )
  )

  test("are in hand a few at a time, and come one over the other", async () => {
    const layers = await many
    // The first once more, over all others.
    await using registry = await startRegistry({
      images: { "many:1": await image({ layers: [...layers, ...layers.slice(0, 1)] }) }
    })
    await using oci = await open({ layout: "rootfs" })
    let most = 0
    const before = descriptors()
    const { rootfs: path } = await oci.pull(registry.reference("many:1"), {
      onEvent: () => {
        most = Math.max(most, descriptors() - before)
      }
    })
    expect(most).toBeLessThan(2 * 64 + 60)
    expect(readFileSync(join(path ?? "", "f0"), "utf8")).toBe("0")
    expect(readFileSync(join(path ?? "", "f1"), "utf8")).toBe("101")
    expect(await readdir(join(oci.root, "partial")).catch(() => [])).toEqual([])
  })

  test("beside each other, in two stores of one directory, and beside a few: all of them end", {
    timeout: 240_000
  }, async () => {
    const layers = await many
    const [a, b, c] = [layers, layers.toReversed(), layers.slice(0, 3)].map((it) => image({ layers: it }))
    if (a === undefined || b === undefined || c === undefined) return expect.unreachable()
    await using registry = await startRegistry({ images: { "a:1": await a, "b:1": await b, "c:1": await c } })
    await using one = await open({ layout: "rootfs" })
    await using two = await open({ layout: "rootfs", root: one.root })
    const pulls = [
      one.pull(registry.reference("a:1")),
      two.pull(registry.reference("b:1")),
      one.pull(registry.reference("c:1"))
    ]
    const [all, reversed, few] = await Promise.all(pulls)
    const read = (image: typeof all, name: string) => readFileSync(join(image?.rootfs ?? "", name), "utf8")
    expect([read(all, "f7"), read(reversed, "f7"), read(few, "f2")]).toEqual(["107", "7", "2"])
  })

  test("go on where they stood", async () => {
    const layers = await many
    await using registry = await startRegistry({ images: { "many:1": await image({ layers }) } })
    await using oci = await open({ layout: "rootfs", retry: { times: 0 } })
    const last = layers.at(-1)?.layer.digest ?? ""
    const heal = registry.fault({ reference: last }, fault.status(404))
    expect(await reasonOf(oci.pull(registry.reference("many:1")))).toMatchObject({ _tag: "BlobNotFound" })
    heal()
    registry.log.clear()
    const { rootfs: path } = await oci.pull(registry.reference("many:1"))
    expect(readFileSync(join(path ?? "", "f99"), "utf8")).toBe("199")
    expect(registry.log.count({ kind: "blob", reference: last })).toBe(1)
  })
})
