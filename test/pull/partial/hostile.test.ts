/** Tables that lie, or cannot be read: the layer is downloaded whole, and nothing is published before it is proven. */
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { PullEvent } from "../../../src/api/events.ts"
import {
  fault,
  image,
  type LayerTable,
  type LoggedRequest,
  startRegistry,
  type TableEntry,
  type TableLayerOptions,
  type TestImage,
  type TestRegistry,
  tableLayer
} from "../../../src/testing/index.ts"
import { open, type TestClient } from "../../support/open.ts"
import { archiveOf, sentBytes, treeOf, versionOf, warningsOf } from "./versions.ts"

const changed = [3, 17]

const layerOf = async (edit: NonNullable<TableLayerOptions["edit"]>) =>
  image({ layers: [await tableLayer(archiveOf(new Set(changed)), { edit })] })

/** Of the file whose bytes are fetched. */
const editing = (name: string, change: (entry: TableEntry) => object) => (table: LayerTable) => ({
  ...table,
  entries: table.entries.map((entry) =>
    entry.name === name && entry.type !== "chunk" ? { ...entry, ...change(entry) } : entry
  )
})
const fetched = "usr/lib/f3"
const editFetched = (change: (entry: TableEntry) => object) => editing(fetched, change)
const other = `sha256:${"0".repeat(64)}`

const lies: Readonly<Record<string, NonNullable<TableLayerOptions["edit"]>>> = {
  "a file has another digest": editFetched(() => ({ digest: other })),
  "a file has no digest": editFetched(() => ({ digest: undefined })),
  "a file has a digest by another algorithm": editFetched(() => ({ digest: `md5:${"0".repeat(32)}` })),
  "a file is longer": editFetched(({ size = 0 }) => ({ size: size + 1 })),
  "a file is shorter": editFetched(({ size = 0 }) => ({ size: size - 1 })),
  "a file is larger than any layer": editFetched(() => ({ size: 2 ** 52 })),
  "a size is not a number": editFetched(() => ({ size: "9003" })),
  "a size is a fraction": editFetched(() => ({ size: 9003.5 })),
  "bytes are past the end": editFetched(() => ({ offset: 2 ** 40, endOffset: 2 ** 40 + 9 })),
  "bytes are in another place": editFetched(({ offset = 0 }) => ({ offset: offset + 1 })),
  "bytes are before those of the file before": editFetched(() => ({ offset: 1 })),
  "bytes end before they begin": editFetched(({ offset = 0 }) => ({ endOffset: offset - 1 })),
  "bytes overlap": editing("usr/lib/f2", ({ endOffset = 0 }) => ({ endOffset: endOffset + 4000 })),
  "an offset is negative": editFetched(() => ({ offset: -1 })),
  "a type is unknown": editFetched(() => ({ type: "whiteout" })),
  "a file is a piece": editFetched(() => ({ type: "chunk" })),
  "a name is not a text": editFetched(() => ({ name: 7 })),
  "a name is not UTF-8": editFetched(() => ({ name: "usr/\ufffd" })),
  "a name has a NUL": editFetched(() => ({ name: "usr/a\0b" })),
  "there is no name": editFetched(() => ({ name: undefined })),
  "a name is too long": editFetched(() => ({ name: "a".repeat(5000) })),
  "a mode is not a number": editFetched(() => ({ mode: "0644" })),
  "a time is none": editFetched(() => ({ modtime: "yesterday" })),
  "an attribute has a name that no archive can hold": editFetched(() => ({ xattrs: { "user.a=b": "" } })),
  "a link has a body and no target": editing("usr/link", () => ({ linkName: "" })),
  "a piece has another digest": (table) => ({
    ...table,
    entries: table.entries.map((entry) => (entry.chunkOffset === 65_536 ? { ...entry, chunkDigest: other } : entry))
  }),
  "a piece is left out": (table) => ({
    ...table,
    entries: table.entries.filter((entry) => entry.chunkOffset !== 65_536)
  }),
  "a piece comes twice": (table) => ({
    ...table,
    entries: table.entries.flatMap((entry) => (entry.chunkOffset === 65_536 ? [entry, entry] : [entry]))
  }),
  "an entry is a list": (table) => ({ ...table, entries: [[], ...table.entries] }),
  "an entry is empty": (table) => ({ ...table, entries: [{}, ...table.entries] }),
  "the version is another": (table) => ({ ...table, version: 2 }),
  "there are no entries": () => ({ version: 1 }),
  "there are two lists of entries": () => Buffer.from('{"version":1,"entries":[],"entries":[]}'),
  "it is cut off": (table) => Buffer.from(JSON.stringify(table).slice(0, -2)),
  "it is not JSON": () => Buffer.from("table of contents"),
  "it is empty": () => Buffer.alloc(0),
  "it is deep": () => Buffer.from(`{"version":1,"entries":[${"[".repeat(100_000)}`)
}

// The large file is fetched, too, so that its pieces are looked at.
const before = await versionOf([5])

/** What a whole pull makes of the archive, whatever the table is. */
const wholeTree = async () => {
  await using registry = await startRegistry({ images: { "app:2": await versionOf(changed) } })
  await using plain = await open()
  const { layers } = await plain.pull(registry.reference("app:2"))
  return treeOf(layers[0]?.path ?? "")
}
const whole = wholeTree()

describe("a table that lies", () => {
  const names = Object.keys(lies)
  let registry: TestRegistry
  let oci: TestClient
  beforeAll(async () => {
    const images: Record<string, TestImage> = { "app:before": before }
    for (const [at, edit] of Object.values(lies).entries()) images[`app:${at}`] = await layerOf(edit)
    registry = await startRegistry({ images })
    oci = await open()
    await oci.pull(registry.reference("app:before"), { partial: true })
  })
  afterAll(async () => {
    await oci.close()
    await registry.close()
  })

  test.each(names)("%s", async (name) => {
    const events: Array<PullEvent> = []
    const reference = registry.reference(`app:${names.indexOf(name)}`)
    const pulled = await oci.pull(reference, { partial: true, onEvent: (it) => events.push(it) })
    expect(warningsOf(events)).toEqual(["NotPartial"])
    expect(treeOf(pulled.layers[0]?.path ?? "")).toEqual(await whole)
    await oci.remove(reference)
    await oci.prune()
  })

  test("makes no tree", async () => {
    expect((await oci.verify()).byTable).toBeUndefined()
  })
})

describe("a table of a stranger for a layer of another image", () => {
  test.each([
    ["before", ["theirs", "mine"]],
    ["after", ["mine", "theirs"]]
  ])("makes another tree, be it pulled %s the other one or not", async (_, order) => {
    const honest = await tableLayer(archiveOf(new Set([3])))
    const evil = await tableLayer(archiveOf(new Set([7])))
    const { digest, diffId } = honest.layer
    const lying = { ...evil, layer: { ...evil.layer, digest, diffId } }
    const images = { "app:1": await versionOf([]), "app:2": await image({ layers: [honest] }) }
    await using registry = await startRegistry({ images })
    await using stranger = await startRegistry({ images: { "evil:1": await image({ layers: [lying] }) } })
    await using oci = await open()
    await using plain = await open()
    const [mine, theirs] = [registry.reference("app:2"), stranger.reference("evil:1")]
    const expected = treeOf((await plain.pull(mine)).layers[0]?.path ?? "")
    const read = async () => {
      const [layer] = (await oci.inspect(mine)).manifests[0]?.layers ?? []
      return treeOf(layer?.path ?? "")
    }
    await oci.pull(registry.reference("app:1"), { partial: true })
    for (const who of order) await oci.pull(who === "mine" ? mine : theirs, { partial: true })
    expect(await read()).toEqual(expected)
    await using held = await oci.hold(theirs)
    expect(held.image.layers[0]?.digest).toBe(digest)
    const proven = await oci.pull(mine)
    expect(proven.layers[0]?.path).not.toBe(held.image.layers[0]?.path)
    expect(treeOf(proven.layers[0]?.path ?? "")).toEqual(expected)
    expect(await read()).toEqual(expected)
  })
})

describe("a table that is too large", () => {
  test.each([
    [0, []],
    [-1, ["NotPartial"]]
  ])("%i bytes beyond the limit", async (more, warnings) => {
    let bytes = 0
    const edit = (table: LayerTable) => {
      bytes = Buffer.byteLength(JSON.stringify(table))
      return table
    }
    const second = await layerOf(edit)
    await using registry = await startRegistry({ images: { "app:1": await versionOf([]), "app:2": second } })
    await using oci = await open({ limits: { tableBytes: bytes + more } })
    const events: Array<PullEvent> = []
    for (const version of [1, 2]) {
      events.length = 0
      await oci.pull(registry.reference(`app:${version}`), { partial: true, onEvent: (it) => events.push(it) })
    }
    expect(warningsOf(events)).toEqual(warnings)
  })

  test("and small while it is compressed", async () => {
    const zeros = () => Buffer.concat([Buffer.from('{"version":1,"entries":[]}'), Buffer.alloc(40_000_000, " ")])
    const second = await layerOf(zeros)
    await using registry = await startRegistry({ images: { "app:1": await versionOf([]), "app:2": second } })
    await using oci = await open()
    const events: Array<PullEvent> = []
    await oci.pull(registry.reference("app:1"), { partial: true })
    await oci.pull(registry.reference("app:2"), { partial: true, onEvent: (it) => events.push(it) })
    expect(warningsOf(events)).toEqual(["NotPartial"])
  })
})

test("names do not lead out of the tree", async () => {
  const second = await layerOf(editing("usr/lib/f3", () => ({ name: "../../../../escaped" })))
  await using registry = await startRegistry({ images: { "app:1": await versionOf([]), "app:2": second } })
  await using oci = await open()
  await oci.pull(registry.reference("app:1"), { partial: true })
  const { layers } = await oci.pull(registry.reference("app:2"), { partial: true })
  expect(readdirSync(layers[0]?.path ?? "")).toContain("escaped")
  expect(readdirSync(oci.root).toSorted()).not.toContain("escaped")
})

test("bytes of the blob that are not what the table says are not published", async () => {
  const second = await versionOf(changed)
  const [layer] = second.manifests[0]?.layers ?? []
  await using registry = await startRegistry({ images: { "app:1": await versionOf([]), "app:2": second } })
  await using oci = await open()
  await oci.pull(registry.reference("app:1"), { partial: true })
  // The first range is the table.
  const clear = registry.fault({ kind: "blob", when: ({ range }) => range !== undefined, nth: 2 }, (was, context) =>
    fault.otherByte((was.start ?? 0) + 100)(was, context)
  )
  const events: Array<PullEvent> = []
  await oci.pull(registry.reference("app:2"), { partial: true, onEvent: (it) => events.push(it) })
  clear()
  expect(warningsOf(events)).toEqual(["NotPartial"])
  expect(sentBytes(registry, layer?.digest ?? "")).toBeGreaterThanOrEqual(layer?.size ?? 0)
})

test("a cancelled pull leaves nothing of the layer", async () => {
  const images = { "app:1": await versionOf([]), "app:2": await versionOf([1, 5, 30]) }
  await using registry = await startRegistry({ images })
  await using oci = await open()
  await oci.pull(registry.reference("app:1"), { partial: true })
  const before = { layers: await oci.layers(), tables: readdirSync(join(oci.root, "tables")) }
  const isRange = ({ range }: LoggedRequest) => range !== undefined
  registry.fault({ kind: "blob", when: isRange, nth: 2 }, fault.stall(5000))
  const stop = new AbortController()
  const pulling = oci.pull(registry.reference("app:2"), { partial: true, signal: stop.signal })
  pulling.catch(() => {})
  const stalled = () => registry.log.all.some((it) => isRange(it) && it.state === "open" && it.sent >= 5000)
  await expect.poll(stalled, { timeout: 30_000 }).toBe(true)
  stop.abort()
  await expect(pulling).rejects.toThrow()
  expect({ layers: await oci.layers(), tables: readdirSync(join(oci.root, "tables")) }).toEqual(before)
  const staging = join(oci.root, "layers", ".staging")
  const left = readdirSync(staging).filter((name) => !name.endsWith(".lock"))
  expect(left.flatMap((name) => readdirSync(join(staging, name)))).toEqual([])
})
