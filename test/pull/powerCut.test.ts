/**
 * What a power cut leaves of the small files that are written beside: none of them, an empty one, a short one, one of
 * zeros. Whichever it is, the next pull and `verify` with `repair` end with whole trees and whole layouts.
 */
import { cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { PullerOptions } from "../../src/api/config.ts"
import { image, Prng, startRegistry, type TestRegistry } from "../../src/testing/index.ts"
import { outline } from "../support/diskTree.ts"
import { open, temporaryRoot } from "../support/open.ts"

const text = (seed: string) => ({ [`${seed}/file`]: new Prng(seed).bytes(5_000), [`${seed}/other`]: seed })

let registry: TestRegistry
let wanted: Record<string, ReadonlyArray<string>>
let whole: { readonly root: string; readonly layout: string }
let disposals: Array<() => PromiseLike<unknown>> = []

beforeAll(async () => {
  const shared = { files: text("shared") }
  const first = await image({ layers: [shared, { files: text("first") }] })
  const second = await image({ layers: [shared, { files: text("second") }] })
  registry = await startRegistry({ images: { "first:1": first, "second:1": second } })
  const home = await temporaryRoot()
  whole = { root: join(home.root, "store"), layout: join(home.root, "layout") }
  disposals = [() => registry[Symbol.asyncDispose](), () => home[Symbol.asyncDispose]()]
  await using oci = await open({ root: whole.root, keepBlobs: whole.layout })
  await oci.pull(registry.reference("first:1"))
  wanted = await expected({}, ["first:1", "second:1"])
}, 60_000)
afterAll(async () => {
  for (const dispose of disposals) await dispose()
})

const filesIn = async (directory: string): Promise<ReadonlyArray<string>> =>
  (await readdir(directory, { recursive: true, withFileTypes: true }))
    .filter((it) => it.isFile())
    .map((it) => relative(directory, join(it.parentPath, it.name)))

/** A copy of the store and its layout, before the cut. */
const copied = async () => {
  const home = await mkdtemp(join(tmpdir(), "ociflow-cut-"))
  const [root, layout] = [join(home, "store"), join(home, "layout")]
  await cp(whole.root, root, { recursive: true, preserveTimestamps: true })
  await cp(whole.layout, layout, { recursive: true, preserveTimestamps: true })
  return { root, layout, [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }) }
}

const cuts: Record<string, (path: string) => Promise<void>> = {
  absent: (path) => rm(path),
  empty: (path) => truncate(path, 0),
  short: async (path) => truncate(path, Math.floor((await stat(path)).size / 2)),
  zeros: async (path) => writeFile(path, Buffer.alloc((await stat(path)).size))
}

const isSmall = (path: string) =>
  !/^(?:layers|locks|partial)\//.test(path) && path !== "oci.db" && !path.startsWith("documents.lock")

const trees = async (root: string) => {
  const layers = join(root, "layers")
  const names = (await readdir(layers)).filter((name) => /\.(?:extracted|rootfs)$/.test(name)).sort()
  return Object.fromEntries(names.map((name) => [name, outline(join(layers, name))]))
}

const expected = async (options: PullerOptions, names: ReadonlyArray<string>) => {
  await using oci = await open(options)
  for (const name of names) await oci.pull(registry.reference(name))
  return trees(oci.root)
}

/** What the catalogue and the fingerprints say of its trees. */
const forget = async (root: string) => {
  for (const gone of ["oci.db", "oci.db.spare", "documents", "references"])
    await rm(join(root, gone), { recursive: true, force: true })
  for (const file of await filesIn(join(root, "fingerprints"))) await truncate(join(root, "fingerprints", file), 0)
}

/** Everything that a user would do next, and what is to come of it. */
const goesOn = async ({ root, layout }: { readonly root: string; readonly layout: string }, what: string) => {
  await using oci = await open({ root, keepBlobs: layout, workers: 1 })
  for (const name of ["first:1", "second:1"]) await oci.pull(registry.reference(name), { policy: "always" })
  await oci.verify({ repair: true })
  expect((await oci.verify()).faults, what).toEqual([])
  expect(await trees(root), what).toEqual(wanted)
  expect((await oci.images()).map(({ reference }) => reference).sort(), what).toEqual(
    ["first:1", "second:1"].map((name) => registry.reference(name))
  )
}

describe("after a power cut", () => {
  test("whatever it left of one small file, the next pulls and a repair end whole", { timeout: 240_000 }, async () => {
    const small = (await filesIn(whole.root)).filter(isSmall)
    const kindOf = (path: string) => path.split("/")[0] ?? ""
    // One of each kind.
    const chosen = new Map(small.map((path) => [kindOf(path), path]))
    expect([...chosen.keys()].sort()).toEqual(["documents", "fingerprints", "oci.db.sound", "proofs", "references"])
    for (const path of chosen.values())
      for (const [name, cut] of Object.entries(cuts)) {
        await using store = await copied()
        await cut(join(store.root, path))
        await goesOn(store, `${path}: ${name}`)
      }
  })

  test("whatever it left of a layout's small files, the layout is gone on with or refused by name", async () => {
    for (const cut of ["absent", "empty"])
      for (const path of ["index.json", "oci-layout"]) {
        await using store = await copied()
        await cuts[cut]?.(join(store.layout, path))
        await goesOn(store, `${path}: ${cut}`)
        await using other = await open()
        expect((await other.pull(`oci:${store.layout}:${registry.reference("second:1")}`)).layers).toHaveLength(2)
      }
  })

  test("a tree that is short, of an image that had no rows yet, is extracted anew", async () => {
    for (const [name, cut] of Object.entries(cuts))
      for (const folder of ["proofs", "fingerprints"]) {
        await using store = await copied()
        for (const file of await filesIn(join(store.root, folder))) await cut(join(store.root, folder, file))
        for (const gone of ["oci.db", "oci.db.spare", "documents", "references"])
          await rm(join(store.root, gone), { recursive: true, force: true })
        const layers = join(store.root, "layers")
        for (const file of await filesIn(layers)) await truncate(join(layers, file), 0)
        await goesOn(store, `${folder}: ${name}`)
      }
  })

  test("a merged tree of which nothing is known is merged anew", async () => {
    const options = { layout: "rootfs" } as const
    const wanted = await expected(options, ["first:1"])
    await using oci = await open(options)
    await oci.pull(registry.reference("first:1"))
    await forget(oci.root)
    for (const file of await filesIn(join(oci.root, "layers"))) await truncate(join(oci.root, "layers", file), 0)
    await using again = await open({ root: oci.root, ...options })
    await again.pull(registry.reference("first:1"))
    expect(await trees(oci.root)).toEqual(wanted)
  })

  test.each(Object.entries(cuts))(
    "a disk image that is %s, of which nothing is known, is made anew",
    async (_, cut) => {
      await using oci = await open({ layout: "erofs" })
      const { erofs = "" } = await oci.pull(registry.reference("first:1"))
      const whole = await readFile(erofs)
      await forget(oci.root)
      await cut(erofs)
      await using again = await open({ root: oci.root, layout: "erofs" })
      expect((await again.pull(registry.reference("first:1"))).erofs).toBe(erofs)
      expect((await readFile(erofs)).equals(whole)).toBe(true)
      expect((await again.verify()).faults).toEqual([])
    }
  )

  test.each(Object.entries(cuts))(
    "a disk image that is %s, of which the catalogue has a row, is found and repaired",
    async (_, cut) => {
      await using oci = await open({ layout: "erofs" })
      const { erofs = "", manifestDigest } = await oci.pull(registry.reference("first:1"))
      const whole = await readFile(erofs)
      await cut(erofs)
      expect((await oci.verify()).faults).toMatchObject([{ digest: manifestDigest }])
      expect((await oci.verify({ repair: true })).faults).toEqual([])
      await oci.pull(registry.reference("first:1"))
      expect((await readFile(erofs)).equals(whole)).toBe(true)
      expect((await oci.verify()).faults).toEqual([])
    }
  )

  test("what a program holds stays, and is named until it is let go", async () => {
    await using store = await copied()
    await using oci = await open({ root: store.root })
    const held = await oci.hold(registry.reference("first:1"))
    for (const file of await filesIn(join(store.root, "proofs"))) await truncate(join(store.root, "proofs", file), 0)
    const before = await readFile(join(held.image.layers[0]?.path ?? "", "shared/other"), "utf8")
    const inode = (await stat(held.image.layers[0]?.path ?? "")).ino
    await oci.pull(registry.reference("second:1"))
    expect((await stat(held.image.layers[0]?.path ?? "")).ino).toBe(inode)
    expect(before).toBe("shared")
    expect((await oci.verify()).faults).not.toEqual([])
    await held[Symbol.asyncDispose]()
    expect((await oci.verify({ repair: true })).faults).toEqual([])
  })
})
