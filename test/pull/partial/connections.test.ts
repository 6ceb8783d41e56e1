/** A partial pull asks for a few pieces at once, and ends however few connections there are. */
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { PullEvent } from "../../../src/api/events.ts"
import { fault, image, Prng, startRegistry, type TestImage, tableLayer, tar } from "../../../src/testing/index.ts"
import { open, type TestClient } from "../../support/open.ts"
import { treeOf, warningsOf } from "./versions.ts"

const piece = 4 * 2 ** 20
const most = 4

/** More than sockets hold of a body that nobody reads. The first file is larger than a piece. */
const megabytes = [6, 1.5, 3, 1.5, 3, 1.5, 3, 1.5]
const isChanged = (at: number) => at % 2 === 0
const ranges = megabytes.filter((_, at) => isChanged(at)).length

const version = async (name: string) => {
  const archive = tar()
  for (const [at, size] of megabytes.entries())
    archive.file(`f${at}`, new Prng(`${isChanged(at) ? name : "same"} ${at}`).bytes(size * 1_000_000))
  return image({ layers: [await tableLayer(archive)] })
}

const [first, second] = await Promise.all([version("old"), version("new")])
const { digest = "" } = second.manifests[0]?.layers[0] ?? {}
const images: Record<string, TestImage> = { "app:1": first, "app:2": second }

let whole: ReturnType<typeof treeOf>
beforeAll(async () => {
  await using registry = await startRegistry({ images })
  await using plain = await open()
  whole = treeOf((await plain.pull(registry.reference("app:2"))).layers[0]?.path ?? "")
})

/** The first bytes of the first file. */
const isFirst = ({ range = "" }) => /^bytes=\d{1,4}-/.test(range)
const pullSecond = async (oci: TestClient, reference: string) => {
  const pulled = await oci.pull(reference, { partial: true, signal: AbortSignal.timeout(30_000) })
  return treeOf(pulled.layers[0]?.path ?? "")
}

describe.each([1, 2, 3])("with connections: %i, a partial pull gives the tree of a whole one", (connections) => {
  test.each([
    ["the first range is redirected later than the others", "registry", fault.slow({ latency: 300 })],
    ["the storage sends the first range later than the others", "storage", fault.slow({ latency: 300 })],
    ["the storage cuts the first range once", "storage", fault.cut(2_000_000)],
    ["the storage is busy once", "storage", fault.status(503)]
  ] as const)("where %s", async (_, origin, action) => {
    await using registry = await startRegistry({ storage: true, images })
    await using oci = await open({ connections })
    await oci.pull(registry.reference("app:1"), { partial: true })
    registry.fault({ origin, reference: digest, when: isFirst, times: 1 }, action)
    expect(await pullSecond(oci, registry.reference("app:2"))).toEqual(whole)
  })

  test("where the first range is cut, and several pulls share the connections", async () => {
    await using registry = await startRegistry({
      images: { ...images, "other:1": first, "other:2": await version("third") }
    })
    await using oci = await open({ connections })
    await oci.pull(registry.reference("app:1"), { partial: true })
    registry.fault({ kind: "blob", when: isFirst, times: 2 }, fault.cut(2_000_000))
    const pulls = ["app:2", "other:2"].map((name) => pullSecond(oci, registry.reference(name)))
    const [tree] = await Promise.all(pulls)
    expect(tree).toEqual(whole)
  })
})

describe("the requests of a layer", () => {
  let oci: TestClient
  let registry: Awaited<ReturnType<typeof startRegistry>>
  beforeAll(async () => {
    registry = await startRegistry({ images })
    oci = await open()
    await oci.pull(registry.reference("app:1"), { partial: true })
  })
  afterAll(async () => {
    await oci.close()
    await registry.close()
  })
  const asked = () => registry.log.where({ kind: "blob", reference: digest })

  test("are for a piece at most, four of them at once; one that is cut goes on where it was, to the end of its piece", async () => {
    let open = 0
    void registry.log.until(() => {
      open = Math.max(open, registry.log.count({ kind: "blob", reference: digest, state: "open" }))
      return false
    })
    registry.fault({ kind: "blob", reference: digest }, fault.slow({ latency: 100 }))
    registry.fault({ kind: "blob", reference: digest, when: isFirst, times: 1 }, fault.cut(2_000_000))
    expect(await pullSecond(oci, registry.reference("app:2"))).toEqual(whole)
    expect(open).toBe(most)
    // The table, the second piece of the first file, and what the cut left of its first one.
    expect(asked()).toHaveLength(1 + ranges + 1 + 1)
    const parts = asked().map(({ range = "" }) => range.slice("bytes=".length).split("-").map(Number))
    for (const [from = 0, to = 0] of parts) expect(to + 1 - from).toBeLessThanOrEqual(piece)
    const [from = 0, to] = parts.find(([from = 0]) => from < 10_000) ?? []
    const [again, ...more] = parts.filter(([start = 0, end]) => start > from && end === to)
    expect([more, (again?.[0] ?? 0) > from, (again?.[0] ?? 0) <= from + 2_000_000]).toEqual([[], true, true])
  })
})

test("a host that sends the whole layer in place of its first range is asked for no more of them", async () => {
  await using registry = await startRegistry({ images })
  await using oci = await open()
  await oci.pull(registry.reference("app:1"), { partial: true })
  registry.fault({ kind: "blob", reference: digest, when: isFirst, times: 1 }, fault.ignoreRange())
  const others = ({ range }: { readonly range?: string }) => range !== undefined && !isFirst({ range })
  // Not the table, which comes before the ranges.
  registry.fault({ kind: "blob", reference: digest, when: others, nth: 2 }, fault.stall(1000))
  const events: Array<PullEvent> = []
  const pulled = await oci.pull(registry.reference("app:2"), { partial: true, onEvent: (it) => events.push(it) })
  expect(warningsOf(events)).toEqual(["NotPartial"])
  expect(treeOf(pulled.layers[0]?.path ?? "")).toEqual(whole)
  await registry.log.settled()
  expect(registry.log.where({ kind: "blob", reference: digest }).length).toBeLessThanOrEqual(1 + most + 1)
})
