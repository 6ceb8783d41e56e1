/** The layout rootfs, and the other makings of layers, from registry to disk. */
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { lastValueFrom, take, toArray } from "rxjs"
import { describe, expect, test } from "vitest"
import type { PullerOptions } from "../../src/api/config.ts"
import type { PullEvent } from "../../src/api/events.ts"
import { lock } from "../../src/store/locks/Lock.ts"
import { fault, image, Prng, startRegistry, tar } from "../../src/testing/index.ts"
import { outline, statOf } from "../support/diskTree.ts"
import { open, type TestClient, temporaryRoot } from "../support/open.ts"
import { rejection } from "../support/rejection.ts"

/** Whatever a pull left on disk, by kind. */
const left = async ({ root }: TestClient) => {
  const names = async (path: string) =>
    (await readdir(join(root, path)).catch(() => [])).filter((it) => it !== ".staging")
  const staging = await readdir(join(root, "layers/.staging"), { recursive: true }).catch(() => [])
  return {
    trees: await names("layers"),
    partial: await names("partial"),
    staged: staging.filter((name) => name.includes("/"))
  }
}

const rootfs = (options: PullerOptions = {}) => open({ layout: "rootfs", ...options })
const randomFile = (seed: string, size = 300_000) => new Prng(seed).bytes(size)

describe("rootfs", () => {
  test("layers are merged in order: whiteouts, opaque directories, replaced types", async () => {
    const made = await image({
      layers: [
        tar().directory("etc/").file("etc/a", "1").file("etc/b", "1").directory("d/").file("d/old", "1").file("k", "1"),
        tar().file("etc/.wh.a").file("d/.wh..wh..opq").file("d/new", "2").file("k/inner", "2"),
        { files: { "etc/b": "3", last: "3" } }
      ]
    })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await rootfs()
    const pulled = await oci.pull(registry.reference("app:1"))
    const path = join(oci.root, "layers", `${pulled.manifestDigest}.rootfs`)
    expect(pulled.rootfs).toBe(path)
    expect(pulled.layers.map((layer) => layer.path)).toEqual([path, path, path])
    expect(outline(path)).toEqual(["d/", "d/new = 2", "etc/", "etc/b = 3", "k/", "k/inner = 2", "last = 3"])
    expect(statOf(path, "etc/b")).toBe("0:0:0100644")
    expect(await left(oci)).toEqual({ trees: [`${pulled.manifestDigest}.rootfs`], partial: [], staged: [] })

    await registry.close()
    expect(await oci.pull(registry.reference("app:1"))).toEqual({ ...pulled, cached: true })
    expect(await oci.inspect(pulled.reference)).toMatchObject({ manifests: [{ rootfs: path, complete: true }] })
  })

  test("a repeated layer is applied each time and downloaded once", async () => {
    const a = tar().file("f", "a").file("g", "a")
    const b = tar().file("f", "b").file(".wh.g")
    await using registry = await startRegistry({ images: { "app:1": await image({ layers: [a, b, a] }) } })
    await using oci = await rootfs()
    const pulled = await oci.pull(registry.reference("app:1"))
    expect(outline(pulled.rootfs ?? "")).toEqual(["f = a", "g = a"])
    expect(registry.log.count({ kind: "blob", reference: pulled.layers[0]?.digest ?? "" })).toBe(1)
  })

  test("an image without layers is an empty directory", async () => {
    await using registry = await startRegistry({ images: { "app:1": await image({ layers: [] }) } })
    await using oci = await rootfs()
    const pulled = await oci.pull(registry.reference("app:1"))
    expect(outline(pulled.rootfs ?? "")).toEqual([])
    expect(await oci.pull(registry.reference("app:1"), { policy: "never" })).toEqual({ ...pulled, cached: true })
  })

  test("the root is as the highest layer that has it says, even where that layer has nothing else", async () => {
    const root = tar().directory("./", { mode: 0o700, uid: 7, gid: 8, mtime: 1_000_000_000 })
    const made = await image({ layers: [root, tar(), tar().file("f", "1"), tar().directory("d/")] })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await rootfs()
    const { rootfs: path = "" } = await oci.pull(registry.reference("app:1"))
    expect(outline(path)).toEqual(["d/", "f = 1"])
    expect(statOf(path, "")).toBe("7:8:040700")
    expect((await stat(path)).mtimeMs).toBe(1_000_000_000_000)
  })

  test("upper layers are downloaded while the lowest arrives; with concurrency 1, one at a time", async () => {
    const made = await image({ layers: ["1", "2", "3"].map((name) => ({ files: { [name]: randomFile(name) } })) })
    const [lowest = "", , highest = ""] = made.manifests[0]?.layers.map(({ digest }) => digest) ?? []
    for (const concurrency of [3, 1]) {
      await using registry = await startRegistry({ images: { "app:1": made } })
      await using oci = await rootfs({ concurrency })
      let release = () => {}
      const held = new Promise<void>((resolve) => {
        release = resolve
      })
      registry.fault({ kind: "blob", reference: lowest }, fault.stall(1000))
      const seen: Array<PullEvent> = []
      const pulling = oci.pull$(registry.reference("app:1")).subscribe((event) => {
        seen.push(event)
        if (event._tag === "LayerProgress" && event.digest === highest && event.received === event.size) release()
      })
      if (concurrency === 3) await held
      else await expect.poll(() => seen.some((it) => it._tag === "LayerStarted"), { timeout: 15_000 }).toBe(true)
      expect(registry.log.count({ kind: "blob", reference: highest })).toBe(concurrency === 3 ? 1 : 0)
      pulling.unsubscribe()
    }
  })

  test("events: each layer begins, and is done when all of them have their name", async () => {
    const made = await image({ layers: ["1", "2", "3"].map((name) => ({ files: { [name]: randomFile(name) } })) })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await rootfs()
    const events = await lastValueFrom(oci.pull$(registry.reference("app:1")).pipe(toArray()))
    const tags = events.map(({ _tag }) => _tag).filter((tag) => tag !== "LayerProgress")
    expect(tags).toEqual([
      "Resolving",
      "Resolved",
      ...["LayerStarted", "LayerStarted", "LayerStarted"],
      ...["LayerDone", "LayerDone", "LayerDone"],
      "Pulled"
    ])
    for (const { digest } of made.manifests[0]?.layers ?? []) {
      const received = events.flatMap((it) =>
        it._tag === "LayerProgress" && it.digest === digest ? [it.received] : []
      )
      expect(received).toEqual(received.toSorted((a, b) => a - b))
      expect(events.find((it) => it._tag === "LayerDone" && it.digest === digest)).toMatchObject({ entries: 1 })
    }
  })

  test("a layer with a wrong digest leaves only the downloads of the other layers", async () => {
    const made = await image({ layers: [{ files: { a: randomFile("a") } }, { files: { b: randomFile("b") } }] })
    const wrong = made.manifests[0]?.layers[1]?.digest ?? ""
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await rootfs()
    registry.fault({ kind: "blob", reference: wrong, times: 1 }, fault.otherByte(200_000))
    const { reason } = await rejection(oci.pull(registry.reference("app:1")))
    expect(reason).toMatchObject({ _tag: "DigestMismatch", expected: wrong })
    const { trees, partial, staged } = await left(oci)
    expect({ trees, staged }).toEqual({ trees: [], staged: [] })
    expect(partial).toEqual([made.manifests[0]?.layers[0]?.digest])
    registry.log.clear()
    const pulled = await oci.pull(registry.reference("app:1"))
    expect(registry.log.count({ kind: "blob", reference: made.manifests[0]?.layers[0]?.digest ?? "" })).toBe(0)
    expect((await readdir(pulled.rootfs ?? "")).sort()).toEqual(["a", "b"])
    expect((await left(oci)).partial).toEqual([])
  })

  test("kept bytes that prove wrong are downloaded again, and the merge starts again", async () => {
    const made = await image({ layers: [{ files: { a: randomFile("a") } }, { files: { b: randomFile("b") } }] })
    const digests = made.manifests[0]?.layers.map(({ digest }) => digest) ?? []
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using oci = await rootfs()
    await mkdir(join(oci.root, "partial"), { recursive: true })
    for (const digest of digests) await writeFile(join(oci.root, "partial", digest), "rubbish")
    const pulled = await oci.pull(registry.reference("app:1"))
    expect(Buffer.compare(await readFile(join(pulled.rootfs ?? "", "b")), randomFile("b"))).toBe(0)
    expect((await left(oci)).partial).toEqual([])
  })

  test.each<PullEvent["_tag"]>(["LayerStarted", "LayerProgress", "LayerDone"])(
    "cancelled at the first %s, no half tree is left, and the next pull ends right",
    async (until) => {
      const made = await image({ layers: ["1", "2"].map((name) => ({ files: { [name]: randomFile(name) } })) })
      await using registry = await startRegistry({ images: { "app:1": made } })
      await using oci = await rootfs()
      const abort = new AbortController()
      const reason = new Error("enough")
      const pulling = oci.pull(registry.reference("app:1"), {
        signal: abort.signal,
        onEvent: (event) => event._tag === until && abort.abort(reason)
      })
      expect(await rejection(pulling)).toBe(reason)
      const { trees, staged } = await left(oci)
      expect({ trees, staged }).toMatchObject({ staged: [] })
      expect(trees.length).toBe(until === "LayerDone" ? 1 : 0)
      const pulled = await oci.pull(registry.reference("app:1"))
      expect((await readdir(pulled.rootfs ?? "")).sort()).toEqual(["1", "2"])
      expect(await left(oci)).toMatchObject({ partial: [], staged: [] })
    }
  )

  test("pulls at once of images that share layers in opposite orders all succeed", async () => {
    const [a, b] = [{ files: { a: randomFile("a") } }, { files: { b: randomFile("b") } }]
    const images = { "app:1": await image({ layers: [a, b] }), "app:2": await image({ layers: [b, a] }) }
    await using registry = await startRegistry({ images })
    await using home = await temporaryRoot()
    await using one = await rootfs({ root: home.root, concurrency: 1 })
    await using two = await rootfs({ root: home.root, concurrency: 1 })
    const pulled = await Promise.all(
      [one, two].flatMap((oci) => ["app:1", "app:2"].map((name) => oci.pull(registry.reference(name))))
    )
    for (const { rootfs = "" } of pulled) expect((await readdir(rootfs)).sort()).toEqual(["a", "b"])
    expect(new Set(pulled.map(({ rootfs }) => rootfs)).size).toBe(2)
    expect((await left(one)).partial).toEqual([])
  })
})

describe("makings", () => {
  test("a store never serves a tree that was made with other options", async () => {
    const made = await image({ layers: [tar().file("f", "x", { uid: 7, mode: 0o4755 })] })
    await using registry = await startRegistry({ images: { "app:1": made } })
    await using home = await temporaryRoot()
    const stats = ["7:0:0104755", "7:0:4755:file", undefined]
    const makings: ReadonlyArray<PullerOptions> = [{}, { statFormat: "containers" }, { ownership: "none" }]
    for (const [index, options] of makings.entries()) {
      await using oci = await open({ ...options, root: home.root })
      expect(await rejection(oci.pull(registry.reference("app:1"), { policy: "never" }))).toMatchObject({
        reason: { _tag: "NotCached" }
      })
      const { layers } = await oci.pull(registry.reference("app:1"))
      expect(statOf(layers[0]?.path ?? "", "f")).toBe(stats[index])
      expect(await lastValueFrom(oci.pull$(registry.reference("app:1")).pipe(take(4), toArray()))).toMatchObject([
        { _tag: "Resolving" },
        { _tag: "Resolved" },
        { _tag: "LayerCached" },
        { _tag: "Pulled", cached: true }
      ])
      expect(oci.root).toBe(home.root)
    }
    await using merged = await rootfs({ root: home.root })
    const { rootfs: path = "" } = await merged.pull(registry.reference("app:1"))
    expect(outline(path)).toEqual(["f = x"])
    expect(await merged.layers()).toHaveLength(3)
  })

  test("an option that cannot be used is refused before anything is opened", async () => {
    await using home = await temporaryRoot()
    const wrong: Record<string, PullerOptions> = {
      ownership: { ownership: "root" as never },
      concurrency: { concurrency: 0 },
      "timeouts.idle": { timeouts: { idle: 0 } }
    }
    for (const [option, options] of Object.entries(wrong)) {
      const { reason } = await rejection(open({ ...options, root: join(home.root, "store") }))
      expect(reason).toMatchObject({ _tag: "InvalidOption", option })
    }
    expect(await readdir(home.root)).toEqual([])
  })
})

describe("two images that share a layer", () => {
  const shared = { files: { shared: randomFile("shared") } }
  const made = async () => ({
    "a:1": await image({ layers: [shared, { files: { a: randomFile("a") } }] }),
    "b:1": await image({ layers: [{ files: { b: randomFile("b") } }, shared] }),
    "c:1": await image({ layers: [shared, { files: { c: randomFile("c") } }] })
  })
  const sharedOf = (images: Awaited<ReturnType<typeof made>>) => images["a:1"].manifests[0]?.layers[0]?.digest ?? ""

  test.each([
    ["one client", 1],
    ["several", 3]
  ])("fetch it once while they are pulled at once, by %s, and nothing of it is kept", async (_, clients) => {
    const images = await made()
    await using registry = await startRegistry({ images })
    await using home = await temporaryRoot()
    await using first = await rootfs({ root: home.root })
    await using second = await rootfs({ root: home.root })
    await using third = await rootfs({ root: home.root })
    const all = clients === 1 ? [first, first, first] : [first, second, third]
    const digest = sharedOf(images)
    // Nobody has the layer before all of them wait for it.
    const held = Scope.makeUnsafe()
    await Effect.runPromise(Scope.provide(lock(join(home.root, "locks", digest)), held))
    let waiting = 0
    const onEvent = (event: PullEvent) => {
      if (event._tag === "LayerWaiting" && event.digest === digest) waiting += 1
    }
    const pulls = Object.keys(images).map((name, i) => all[i]?.pull(registry.reference(name), { onEvent }))
    await expect.poll(() => waiting, { timeout: 20_000 }).toBe(3)
    await Effect.runPromise(Scope.close(held, Exit.void))
    await Promise.all(pulls)
    expect(registry.log.count({ kind: "blob", reference: digest })).toBe(1)
    expect((await left(first)).partial).toEqual([])
    expect((await readdir(join(home.root, "locks"))).filter((name) => name.startsWith("wanted"))).toEqual([])
  })

  test("fetch it twice where the second begins when the first is over", async () => {
    const images = await made()
    await using registry = await startRegistry({ images })
    await using oci = await rootfs()
    await oci.pull(registry.reference("a:1"))
    expect((await left(oci)).partial).toEqual([])
    await oci.pull(registry.reference("b:1"))
    expect(registry.log.count({ kind: "blob", reference: sharedOf(images) })).toBe(2)
  })
})
