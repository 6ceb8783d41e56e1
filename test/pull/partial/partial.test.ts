/** Pulls of what is missing of a layer, by its table of contents. */
import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { describe, expect, test } from "vitest"
import type { PullEvent, PulledImage } from "../../../src/api/events.ts"
import { initSqlJs } from "../../../src/store/database/engine.ts"
import { fault, image, startRegistry, type TableLayerOptions, tableLayer } from "../../../src/testing/index.ts"
import { open } from "../../support/open.ts"
import { reasonOf } from "../../support/rejection.ts"
import { archiveOf, contentsOf, filesUnder, forms, sentBytes, treeOf, versionOf, warningsOf } from "./versions.ts"

const twoVersions = async (options: TableLayerOptions = {}) => {
  const [first, second] = [await versionOf([], options), await versionOf([3, 17], options)]
  const registry = await startRegistry({ images: { "app:1": first, "app:2": second } })
  const [layer] = second.manifests[0]?.layers ?? []
  if (layer === undefined) throw new Error("an image without layers")
  return { registry, layer, reference: (version: number) => registry.reference(`app:${version}`) }
}

describe.each(forms)("%s", (form) => {
  test("of the next version, only what changed is fetched, and its tree is the one that a whole pull makes", async () => {
    const { registry, layer, reference } = await twoVersions({ form })
    await using _ = registry
    await using oci = await open()
    await using plain = await open()
    await oci.pull(reference(1), { partial: true })
    registry.log.clear()
    const events: Array<PullEvent> = []
    const pulled = await oci.pull(reference(2), { partial: true, onEvent: (it) => events.push(it) })
    expect(warningsOf(events)).toEqual([])
    expect(sentBytes(registry, layer.digest)).toBeLessThan(layer.size / 4)
    expect(registry.log.where({ kind: "blob", reference: layer.digest }).length).toBeLessThanOrEqual(
      form === "estargz" ? 5 : 4
    )
    const whole = await plain.pull(reference(2))
    expect(treeOf(pulled.layers[0]?.path ?? "")).toEqual(treeOf(whole.layers[0]?.path ?? ""))
    const [started, ...again] = events.filter((it) => it._tag === "LayerStarted")
    expect([started, again]).toMatchObject([{ size: layer.size }, []])
    // What is fetched is the table, and what is missing.
    const missing = layer.size - (started?.offset ?? 0)
    expect(missing).toBeGreaterThan(0)
    expect(sentBytes(registry, layer.digest)).toBeGreaterThan(missing)
    const received = events.flatMap((it) => (it._tag === "LayerProgress" ? [it.received] : []))
    expect(received.at(-1)).toBe(layer.size)
    expect([started?.offset, ...received]).toEqual([started?.offset ?? 0, ...received].toSorted((a, b) => a - b))
    expect(events.at(-2)).toMatchObject({ _tag: "LayerDone", diffId: layer.diffId })
  })
})

test("ranges are asked for at once, each once, and give the same tree", async () => {
  const changed = [3, 9, 15, 21, 27, 33]
  const versions = [[], changed].map((it) => tableLayer(archiveOf(new Set(it), 40, 100_000)))
  const [first, second] = await Promise.all(versions.map(async (it) => image({ layers: [await it] })))
  if (first === undefined || second === undefined) throw new Error("no images")
  await using registry = await startRegistry({ images: { "app:1": first, "app:2": second } })
  await using oci = await open()
  await using plain = await open()
  await oci.pull(registry.reference("app:1"), { partial: true })
  const { digest = "" } = second.manifests[0]?.layers[0] ?? {}
  registry.log.clear()
  const before = registry.accepted()
  registry.fault({ kind: "blob", reference: digest }, fault.slow({ latency: 100 }))
  const pulled = await oci.pull(registry.reference("app:2"), { partial: true })
  const ranges = registry.log.where({ kind: "blob", reference: digest }).map(({ range }) => range)
  expect([ranges.length, new Set(ranges).size]).toEqual([1 + changed.length, 1 + changed.length])
  expect(registry.accepted() - before).toBeGreaterThanOrEqual(3)
  const whole = await plain.pull(registry.reference("app:2"))
  expect(treeOf(pulled.layers[0]?.path ?? "")).toEqual(treeOf(whole.layers[0]?.path ?? ""))
})

test("no tree shares an inode with another: a change in one does not reach the other", async () => {
  const { registry, reference } = await twoVersions()
  await using _ = registry
  await using oci = await open()
  const one = await oci.pull(reference(1), { partial: true })
  const two = await oci.pull(reference(2), { partial: true })
  const inodes = (image: PulledImage) => filesUnder(image.layers[0]?.path ?? "").map((path) => lstatSync(path).ino)
  const shared = new Set(inodes(one))
  expect(inodes(two).filter((inode) => shared.has(inode))).toEqual([])
})

describe("a tree that only its table proves", () => {
  test("serves pulls with the option, and no others: they download the layer, and prove it", async () => {
    const { registry, layer, reference } = await twoVersions()
    await using _ = registry
    await using oci = await open()
    await oci.pull(reference(1), { partial: true })
    const byTable = await oci.pull(reference(2), { partial: true })
    expect((await oci.pull(reference(2), { partial: true })).cached).toBe(true)
    expect(await reasonOf(oci.pull(reference(2), { policy: "never" }))).toMatchObject({ _tag: "NotCached" })
    expect((await oci.pull(reference(2), { policy: "never", partial: true })).cached).toBe(true)
    const listed = { path: byTable.layers[0]?.path }
    expect(await oci.verify()).toMatchObject({ faults: [], unknown: [], byTable: [listed] })
    registry.log.clear()
    const proven = await oci.pull(reference(2))
    expect(sentBytes(registry, layer.digest)).toBe(layer.size)
    expect(treeOf(proven.layers[0]?.path ?? "")).toEqual(treeOf(byTable.layers[0]?.path ?? ""))
    expect(await oci.verify()).toEqual({ faults: [], unknown: [], repaired: [] })
    expect((await oci.pull(reference(2))).cached).toBe(true)
  })

  test("has no diffID in the catalogue", async () => {
    const { registry, layer, reference } = await twoVersions()
    await using _ = registry
    await using oci = await open()
    const diffIds = async () => {
      const database = new (await initSqlJs()).Database(readFileSync(join(oci.root, "oci.db")))
      const [found] = database.exec(`SELECT diff_id FROM layers WHERE digest = '${layer.digest}'`)
      database.close()
      return found?.values
    }
    await oci.pull(reference(1), { partial: true })
    await oci.pull(reference(2), { partial: true })
    expect(await diffIds()).toEqual([[""]])
    await oci.pull(reference(2))
    expect(await diffIds()).toEqual([[layer.diffId]])
  })

  test("is repaired as every other", async () => {
    const { registry, reference } = await twoVersions()
    await using _ = registry
    await using oci = await open()
    await oci.pull(reference(1), { partial: true })
    const pulled = await oci.pull(reference(2), { partial: true })
    const path = join(pulled.layers[0]?.path ?? "", "usr/lib/f1")
    const before = contentsOf(path)
    writeFileSync(path, "changed")
    expect((await oci.verify()).faults).toHaveLength(1)
    expect(await oci.verify({ repair: true })).toMatchObject({ faults: [], repaired: [{}] })
    // By the layer as a whole, which has a tree of its own.
    const [layer] = (await oci.inspect(reference(2))).manifests[0]?.layers ?? []
    expect(contentsOf(join(layer?.path ?? "", "usr/lib/f1"))).toBe(before)
  })
})

test("without the option nothing is asked for by its place, and nothing is kept", async () => {
  const { registry, reference } = await twoVersions()
  await using _ = registry
  await using oci = await open()
  for (const version of [1, 2]) await oci.pull(reference(version))
  expect(registry.log.all.filter(({ range }) => range !== undefined)).toEqual([])
  expect(existsSync(join(oci.root, "tables"))).toBe(false)
})

test("the table of a tree that is gone goes with the next pull; other files in its place stay", async () => {
  const { registry, reference } = await twoVersions()
  await using _ = registry
  await using oci = await open()
  const { layers } = await oci.pull(reference(1), { partial: true })
  const tables = join(oci.root, "tables")
  const [gone = ""] = layers.map(({ path }) => basename(path))
  expect(readdirSync(tables)).toEqual([gone])
  writeFileSync(join(tables, "notes"), "")
  await oci.remove(reference(1))
  expect(existsSync(layers[0]?.path ?? "")).toBe(false)
  const pulled = await oci.pull(reference(2), { partial: true })
  expect(readdirSync(tables).sort()).toEqual(["notes", ...pulled.layers.map(({ path }) => basename(path))])
})

test("a file of the store that was changed is fetched", async () => {
  const { registry, layer, reference } = await twoVersions()
  await using _ = registry
  await using oci = await open()
  await using plain = await open()
  const first = await oci.pull(reference(1), { partial: true })
  for (const name of ["f7", "f20"]) {
    const path = join(first.layers[0]?.path ?? "", "usr/lib", name)
    writeFileSync(
      path,
      contentsOf(path).replace(/^./s, (it) => (it === "a" ? "b" : "a")),
      "latin1"
    )
  }
  registry.log.clear()
  const pulled = await oci.pull(reference(2), { partial: true })
  expect(sentBytes(registry, layer.digest)).toBeLessThan(layer.size / 2)
  const whole = await plain.pull(reference(2))
  expect(treeOf(pulled.layers[0]?.path ?? "")).toEqual(treeOf(whole.layers[0]?.path ?? ""))
})

describe("a layer is downloaded whole", () => {
  test("where too much of it is missing, and the next one is not", async () => {
    const most = Array.from({ length: 36 }, (_, at) => at)
    const images = {
      "app:1": await versionOf([]),
      "app:2": await versionOf(most),
      "app:3": await versionOf([...most, 38])
    }
    await using registry = await startRegistry({ images })
    await using oci = await open()
    const events: Array<PullEvent> = []
    for (const version of [1, 2, 3])
      await oci.pull(registry.reference(`app:${version}`), { partial: true, onEvent: (it) => events.push(it) })
    expect(warningsOf(events)).toEqual([])
    const { byTable = [] } = await oci.verify()
    const path = (await oci.inspect(registry.reference("app:3"))).manifests[0]?.layers[0]?.path
    expect(byTable.map((it) => it.path)).toEqual([path])
  })

  test("where the host ignores ranges", async () => {
    const { registry, layer, reference } = await twoVersions()
    await using _ = registry
    await using oci = await open()
    await oci.pull(reference(1), { partial: true })
    registry.fault({ kind: "blob" }, fault.ignoreRange())
    const events: Array<PullEvent> = []
    await oci.pull(reference(2), { partial: true, onEvent: (it) => events.push(it) })
    expect(warningsOf(events)).toEqual(["NotPartial"])
    expect((await oci.verify()).byTable).toBeUndefined()
    expect(sentBytes(registry, layer.digest)).toBeGreaterThanOrEqual(layer.size)
  })
})
