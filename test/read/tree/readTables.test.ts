/** `readFile` and `list` with `partial: true`: layers with a table of contents are read by it. */
import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import type { PullEvent } from "../../../src/api/events.ts"
import {
  fault,
  image,
  type LayerInput,
  Prng,
  startRegistry,
  type TableEntry,
  type TableLayerOptions,
  type TestImage,
  type TestRegistry,
  tableLayer,
  tar
} from "../../../src/testing/index.ts"
import { archiveOf, forms, ofReaders, sentBytes, warningsOf } from "../../pull/partial/versions.ts"
import { open, type TestClient, temporaryRoot } from "../../support/open.ts"
import { reasonOf, rejection } from "../../support/rejection.ts"

const served = async (layers: ReadonlyArray<LayerInput>) => {
  const made = await image({ layers })
  const registry = await startRegistry({ images: { "app:1": made } })
  return { registry, made, reference: registry.reference("app:1") }
}

const layersOf = (made: TestImage) => made.manifests[0]?.layers ?? []

const ofTable = async (options: TableLayerOptions = {}) => tableLayer(archiveOf(new Set()), options)

const isEachByteOnce = ({ log }: TestRegistry, digest: string): boolean => {
  const ranges = log.ranges(digest).toSorted(([a], [b]) => a - b)
  return ranges.every(([from], at) => at === 0 || from >= (ranges[at - 1]?.[1] ?? 0))
}

const listening = () => {
  const events: Array<PullEvent> = []
  return { events, options: { partial: true, onEvent: (event: PullEvent) => void events.push(event) } }
}

describe.each(forms)("%s", (form) => {
  test("of a layer, only the table and the file's bytes are downloaded", async () => {
    const { registry, made, reference } = await served([await ofTable({ form })])
    await using _ = registry
    await using oci = await open()
    const [layer] = layersOf(made)
    if (layer === undefined) throw new Error("an image without layers")
    const { events, options } = listening()
    const bytes = await oci.readFile(reference, "/usr/lib/f7", options)
    expect(sentBytes(registry, layer.digest)).toBeLessThan(layer.size / 4)
    expect(isEachByteOnce(registry, layer.digest)).toBe(true)
    expect(events.filter(({ _tag }) => !["LayerProgress", "Resolving", "Resolved"].includes(_tag))).toEqual([])
    expect(bytes).toEqual(await oci.readFile(reference, "/usr/lib/f7"))
    expect(bytes.length).toBe(9007)
  })

  test("each file, and each directory, is as the archive has it", async () => {
    const { registry, reference } = await served([await ofTable({ form })])
    await using _ = registry
    await using oci = await open()
    const options = { partial: true }
    for (const path of ["usr/lib/f0", "usr/lib/f5", "usr/lib/f39", "usr/hard", "usr/link", "usr/empty", "usr/x"])
      expect(await oci.readFile(reference, path, options)).toEqual(await oci.readFile(reference, path))
    for (const path of ["", "usr", "usr/lib", "usr/x", "var"]) {
      // An eStargz archive also has files for its own readers.
      const whole = (await oci.list(reference, path)).filter(({ path }) => !ofReaders.has(path))
      // A table has whole seconds only; so have this archive's times.
      expect(await oci.list(reference, path, options)).toEqual(whole)
    }
  })
})

test("a table that is too large to be kept is asked for again", async () => {
  const edit: TableLayerOptions["edit"] = ({ entries, ...table }) => ({
    ...table,
    entries: entries.map((entry) => ({ ...entry, note: randomBytes(250_000).toString("base64") }))
  })
  const { registry, made, reference } = await served([await ofTable({ edit })])
  await using _ = registry
  await using oci = await open()
  const { digest = "" } = layersOf(made)[0] ?? {}
  const bytes = await oci.readFile(reference, "/usr/lib/f7", { partial: true })
  expect(isEachByteOnce(registry, digest)).toBe(false)
  expect(bytes).toEqual(await oci.readFile(reference, "/usr/lib/f7"))
})

test("a table that cannot be used takes no room from those that are kept", async () => {
  // Either table alone could be kept.
  const note = () => randomBytes(120_000).toString("base64")
  const noted: TableLayerOptions["edit"] = ({ entries, ...table }) => ({
    ...table,
    entries: entries.map((entry) => ({ ...entry, note: note() }))
  })
  const unusable: TableLayerOptions["edit"] = ({ entries, ...table }) => ({
    ...table,
    entries: [...entries, ...Array.from({ length: 45 }, () => ({ note: note() }))]
  })
  const top = await tableLayer(tar().file("top", new Prng("top").bytes(200_000)), { edit: unusable })
  const { registry, made, reference } = await served([await ofTable({ edit: noted }), top])
  await using _ = registry
  await using oci = await open()
  const { events, options } = listening()
  const bytes = await oci.readFile(reference, "/usr/lib/f7", options)
  expect(warningsOf(events)).toEqual(["NotPartial"])
  expect(isEachByteOnce(registry, layersOf(made)[0]?.digest ?? "")).toBe(true)
  expect(bytes).toEqual(await oci.readFile(reference, "/usr/lib/f7"))
})

test("a list downloads tables alone, of no more layers than it takes", async () => {
  const archive = tar().directory("app").file("app/one", new Prng("one").bytes(200_000)).file("app/.wh..wh..opq", "")
  const top = await tableLayer(archive, { form: "zstd:chunked" })
  const { registry, made, reference } = await served([await ofTable(), top])
  await using _ = registry
  await using oci = await open()
  const names = (await oci.list(reference, "app", { partial: true })).map(({ path }) => path)
  expect(names).toEqual(["app/one"])
  const [lower, upper] = layersOf(made)
  expect(registry.log.where({ kind: "blob", reference: lower?.digest ?? "" })).toEqual([])
  expect(sentBytes(registry, upper?.digest ?? "")).toBeGreaterThan(0)
  expect(sentBytes(registry, upper?.digest ?? "")).toBeLessThan((upper?.size ?? 0) / 4)
})

test("layers with a table and layers without are one tree: links, whiteouts and hard links across them", async () => {
  const above = tar()
    .directory("usr")
    .file("usr/.wh.hard", "")
    .symlink("usr/to", "lib/f3")
    .file("usr/lib/f4", "plain")
    .ended()
    .bytes()
  const { registry, reference } = await served([await ofTable(), { archive: above, compression: "gzip" }])
  await using _ = registry
  await using oci = await open()
  const options = { partial: true }
  expect(await oci.readFile(reference, "usr/to", options)).toEqual(await oci.readFile(reference, "usr/lib/f3"))
  expect(await oci.readFile(reference, "usr/lib/f4", { ...options, encoding: "utf8" })).toBe("plain")
  expect(await reasonOf(oci.readFile(reference, "usr/hard", options))).toMatchObject({ _tag: "NotInImage" })
  expect(await oci.list(reference, "usr", options)).toEqual(await oci.list(reference, "usr"))
})

test("what is pulled is read from the store, with the option as without", async () => {
  const { registry, reference } = await served([await ofTable()])
  await using _ = registry
  await using oci = await open()
  await oci.pull(reference)
  registry.log.clear()
  expect((await oci.readFile(reference, "usr/lib/f1", { partial: true })).length).toBe(9001)
  expect(registry.log.where({ kind: "blob" })).toEqual([])
})

test("a layer whose blob the store keeps is read from there, without a request", async () => {
  const shared = await ofTable()
  const more = await image({ layers: [shared, await tableLayer(tar().directory("more"))] })
  const registry = await startRegistry({ images: { "app:1": await image({ layers: [shared] }), "app:2": more } })
  await using _ = registry
  await using home = await temporaryRoot()
  await using oci = await open({ keepBlobs: join(home.root, "kept") })
  await oci.pull(registry.reference("app:1"))
  registry.log.clear()
  const [kept] = layersOf(more)
  await oci.readFile(registry.reference("app:2"), "usr/lib/f1", { partial: true })
  expect(registry.log.where({ kind: "blob", reference: kept?.digest ?? "" })).toEqual([])
})

test("the limit of a tree's memory holds for tables, as their headers come", async () => {
  const { registry, reference } = await served([await ofTable()])
  await using _ = registry
  await using oci = await open({ limits: { treeBytes: 2000 } })
  const reason = await reasonOf(oci.list(reference, "usr", { partial: true }))
  expect(reason).toMatchObject({ _tag: "LimitExceeded", limit: "treeBytes" })
})

test("what a table tells counts no more once its layer is read whole", async () => {
  // More than there is, and more than may be kept.
  const more = Array.from({ length: 2000 }, (_, at): TableEntry => ({ type: "dir", name: `more/${at}/` }))
  const edit: TableLayerOptions["edit"] = (table) => ({ ...table, entries: [...table.entries, ...more] })
  const { registry, reference } = await served([await ofTable({ edit })])
  await using _ = registry
  await using oci = await open({ limits: { treeBytes: 256_000 } })
  const { events, options } = listening()
  expect(await oci.list(reference, "usr/lib", options)).toHaveLength(40)
  expect(warningsOf(events)).toEqual(["NotPartial"])
})

test("nothing is left in the store", async () => {
  const { registry, reference } = await served([await ofTable()])
  await using _ = registry
  await using oci = await open()
  await oci.readFile(reference, "usr/lib/f1", { partial: true })
  await oci.list(reference, "usr", { partial: true })
  expect(await oci.images()).toEqual([])
  expect(await oci.layers()).toEqual([])
  expect((await oci.usage()).partials.count).toBe(0)
})

describe("a table that cannot be used: the layer is read whole, with a warning", () => {
  const wanted = "usr/lib/f3"
  const editing =
    (change: (entry: TableEntry) => object): NonNullable<TableLayerOptions["edit"]> =>
    (table) => ({
      ...table,
      entries: table.entries.map((entry) =>
        entry.name === wanted && entry.type !== "chunk" ? { ...entry, ...change(entry) } : entry
      )
    })
  const other = `sha256:${"0".repeat(64)}`
  const same = async (oci: TestClient, reference: string) => {
    const { events, options } = listening()
    const bytes = await oci.readFile(reference, wanted, options)
    expect(bytes).toEqual(await oci.readFile(reference, wanted))
    expect(new Set(warningsOf(events))).toEqual(new Set(["NotPartial"]))
  }

  test.each<[string, TableLayerOptions]>([
    ["the file has another digest", { edit: editing(() => ({ digest: other, chunkDigest: other })) }],
    ["the file is longer", { edit: editing(({ size = 0 }) => ({ size: size + 1 })) }],
    ["the file is shorter", { edit: editing(({ size = 0 }) => ({ size: size - 1 })) }],
    ["the file is larger than any layer", { edit: editing(() => ({ size: 2 ** 52 })) }],
    ["its bytes are in another place", { edit: editing(({ offset = 0 }) => ({ offset: offset + 1 })) }],
    ["its bytes are past the end", { edit: editing(() => ({ offset: 2 ** 40, endOffset: 2 ** 40 + 9 })) }],
    ["it is a directory with bytes", { edit: editing(() => ({ name: "usr/lib/f3/" })) }],
    ["its name is too long", { edit: editing(() => ({ name: "a".repeat(5000) })) }],
    ["an entry is empty", { edit: (table) => ({ ...table, entries: [{}, ...table.entries] }) }],
    ["the table is not JSON", { edit: () => Buffer.from("{") }]
  ])("%s", async (_, options) => {
    const { registry, reference } = await served([await ofTable(options)])
    await using _registry = registry
    await using oci = await open()
    await same(oci, reference)
  })

  test("the host sends no ranges", async () => {
    const { registry, reference } = await served([await ofTable()])
    await using _ = registry
    registry.fault({ kind: "blob" }, fault.ignoreRange())
    await using oci = await open()
    await same(oci, reference)
  })
})

test("a file that is larger than the limit is refused before its bytes are requested", async () => {
  const { registry, made, reference } = await served([await ofTable()])
  await using _ = registry
  await using oci = await open({ limits: { bodyBytes: 9000 } })
  const reason = await reasonOf(oci.readFile(reference, "usr/lib/f5", { partial: true }))
  expect(reason).toMatchObject({ _tag: "LimitExceeded", limit: "bodyBytes" })
  const [layer] = layersOf(made)
  expect(registry.log.where({ kind: "blob", reference: layer?.digest ?? "" })).toHaveLength(1)
})

test("a read that is aborted while it waits for the table lets go of its worker", async () => {
  const { registry, made, reference } = await served([await ofTable()])
  await using _ = registry
  const mend = registry.fault({ kind: "blob", reference: layersOf(made)[0]?.digest ?? "" }, fault.stall(100))
  await using oci = await open({ workers: 1 })
  const reading = oci.readFile(reference, "usr/lib/f1", { partial: true, signal: AbortSignal.timeout(300) })
  expect((await rejection<Error>(reading)).name).toBe("TimeoutError")
  mend()
  expect((await oci.readFile(reference, "usr/lib/f1", { partial: true })).length).toBe(9001)
})
