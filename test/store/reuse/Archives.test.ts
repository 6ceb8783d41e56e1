/** Which tree has the files of an archive, whatever blob it was extracted from. */
import { mkdir, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import type { Digest } from "../../../src/image/reference/Digest.ts"
import { digestOfTable } from "../../../src/store/reuse/digestOfTable.ts"
import { findTree } from "../../../src/store/reuse/findTree.ts"
import { heldDigestsOf } from "../../../src/store/reuse/heldDigestsOf.ts"
import { restoredTrees } from "../../../src/store/reuse/restoredTrees.ts"
import { listTrees } from "../../../src/store/trees/listTrees.ts"
import { makeTreePaths } from "../../../src/store/trees/TreePaths.ts"
import { it } from "../../support/effect.ts"
import { digestOf, directory, imageOf, layerOf, type OpenStore, open, publishLayers } from "../fixtures.ts"

const archive = digestOf("one archive")
const [one, two] = ["one", "two"].map((name) => layerOf(name).digest).sort() as [Digest, Digest]
const nameOf = (digest: string) => (digest === layerOf("one").digest ? "one" : "two")

const seen = `a:${"0".repeat(64)}`

/** A tree with its records. */
const extracted = Effect.fnUntraced(function* (store: OpenStore, digest: Digest, diffId: Digest = archive) {
  yield* publishLayers(store, imageOf({ layers: [nameOf(digest)] }))
  yield* store.trees.proofs.keep(digest, diffId)
  yield* store.trees.fingerprints.keep(store.trees.layerPath(digest), seen)
})

const store = Effect.flatMap(directory, (root) => open({ root }))

describe("the tree of an archive", () => {
  it.effect("is that of a blob that was proven to have it", () =>
    Effect.gen(function* () {
      const it = yield* store
      expect(yield* it.trees.archives.find(archive, "")).toBeUndefined()
      yield* extracted(it, one)
      yield* extracted(it, two, digestOf("another archive"))
      expect(yield* it.trees.archives.find(archive, "")).toBe(one)
      expect(yield* it.trees.archives.find(digestOf("another archive"), "")).toBe(two)
      expect(yield* it.trees.archives.find(digestOf("a third"), "")).toBeUndefined()
    })
  )

  it.effect("of two is always the same", () =>
    Effect.gen(function* () {
      const it = yield* store
      yield* extracted(it, two)
      yield* extracted(it, one)
      expect(yield* it.trees.archives.find(archive, "")).toBe(one)
    })
  )

  it.effect("was made with the same options", () =>
    Effect.gen(function* () {
      const it = yield* store
      yield* extracted(it, one)
      expect(yield* it.trees.archives.find(archive, "none")).toBeUndefined()
    })
  )

  it.effect("counts no longer once its proof was withdrawn, or says something else, though it was read before", () =>
    Effect.gen(function* () {
      const it = yield* store
      yield* extracted(it, one)
      expect(yield* it.trees.archives.find(archive, "")).toBe(one)
      for (const text of ["", `sha256:${"0".repeat(63)}`, layerOf("a").diffId]) {
        yield* Effect.promise(() => writeFile(it.trees.proofs.pathOf(one), text))
        expect(yield* it.trees.archives.find(archive, "")).toBeUndefined()
      }
      yield* it.trees.proofs.keep(one, archive)
      expect(yield* it.trees.archives.find(archive, "")).toBe(one)
      yield* it.trees.proofs.forget(one)
      expect(yield* it.trees.archives.find(archive, "")).toBeUndefined()
    })
  )

  it.effect("counts with the record of what it looked like, as a directory, and not marked as gone", () =>
    Effect.gen(function* () {
      const it = yield* store
      const path = it.trees.layerPath(one)
      yield* extracted(it, one)
      yield* it.trees.fingerprints.forget(path)
      expect(yield* it.trees.archives.find(archive, "")).toBeUndefined()
      // Proven by a table of contents only.
      yield* it.trees.fingerprints.keep(path, seen, digestOf("table"))
      expect(yield* it.trees.archives.find(archive, "")).toBeUndefined()
      yield* it.trees.fingerprints.keep(path, seen)
      expect(yield* it.trees.archives.find(archive, "")).toBe(one)
      yield* Effect.promise(async () => {
        await rm(path, { recursive: true })
        await writeFile(path, "a file")
      })
      expect(yield* it.trees.archives.find(archive, "")).toBeUndefined()
    })
  )
})

describe("a layer's files", () => {
  const there = (...digests: ReadonlyArray<string>) => ({
    variant: "",
    isThere: (digest: string) => digests.includes(digest)
  })
  const layer = { digest: one, diffId: archive, isProven: true, tree: null }

  it.effect("are in the tree that was there when it was pulled, else in its own, else in any of the archive", () =>
    Effect.gen(function* () {
      const it = yield* store
      yield* extracted(it, two)
      const { archives } = it.trees
      const third = layerOf("third").digest
      const reused = { ...layer, tree: third }
      expect(yield* findTree(reused, { archives, ...there(third, one) })).toBe(third)
      expect(yield* findTree(reused, { archives, ...there(one) })).toBe(one)
      expect(yield* findTree(layer, { archives, ...there(one) })).toBe(one)
      expect(yield* findTree(layer, { archives, ...there() })).toBe(two)
      expect(yield* findTree({ ...layer, diffId: digestOf("a third") }, { archives, ...there() })).toBeUndefined()
      expect(yield* findTree({ ...layer, isProven: false }, { archives, ...there(one) })).toBe(two)
      expect(yield* findTree({ ...layer, isProven: false, diffId: "" }, { archives, ...there(one) })).toBeUndefined()
    })
  )

  it.effect("are held by the digest of the tree, too", () =>
    Effect.gen(function* () {
      const { trees } = yield* store
      const { rootfsPath } = makeTreePaths("/l", "")
      const layers = [
        { digest: one, path: trees.layerPath(two) },
        { digest: archive, path: trees.layerPath(archive) }
      ]
      expect(new Set(heldDigestsOf({ manifestDigest: seen, layers }))).toEqual(new Set([seen, one, two, archive]))
      for (const path of [rootfsPath(archive), join(rootfsPath(archive), "image.erofs")])
        expect(new Set(heldDigestsOf({ manifestDigest: archive, layers: [{ digest: one, path }] }))).toEqual(
          new Set([archive, one])
        )
    })
  )
})

describe("of a store without its catalogue", () => {
  it.effect("an image is whole where each layer has a tree of its own or of another blob", () =>
    Effect.gen(function* () {
      const it = yield* store
      yield* extracted(it, one)
      const restored = restoredTrees(it.trees.archives, yield* listTrees(it.layersDir))
      const layer = (digest: string, diffId: string) => ({ digest, diffId })
      const form = { kind: "extracted", variant: "" }
      const manifest = digestOf("manifest")
      expect(yield* restored(manifest, [layer(one, archive)])).toEqual({
        whole: [form],
        reused: new Map()
      })
      expect(yield* restored(manifest, [layer(one, archive), layer(two, archive)])).toEqual({
        whole: [form],
        reused: new Map([[two, one]])
      })
      expect(yield* restored(manifest, [layer(two, archive), layer(archive, digestOf("a third"))])).toEqual({
        whole: [],
        reused: new Map()
      })
      expect(yield* restored(manifest, [])).toEqual({ whole: [], reused: new Map() })
      const tree = digestOfTable(digestOf("table"))
      const byTable = [{ ...layer(two, digestOf("a third")), tree }]
      expect(yield* restored(manifest, byTable)).toMatchObject({ whole: [] })
      yield* Effect.promise(() => mkdir(it.trees.layerPath(tree), { recursive: true }))
      const again = restoredTrees(it.trees.archives, yield* listTrees(it.layersDir))
      expect(yield* again(manifest, byTable)).toEqual({ whole: [form], reused: new Map([[two, tree]]) })
    })
  )

  it.effect("and a layer that has its own in one form is what it is in the other", () =>
    Effect.gen(function* () {
      const it = yield* store
      yield* extracted(it, one)
      const bare = yield* open({ root: it.root, variant: "none" })
      yield* extracted(bare, two)
      const restored = restoredTrees(it.trees.archives, yield* listTrees(it.layersDir))
      const { whole, reused } = yield* restored(digestOf("manifest"), [{ digest: two, diffId: archive }])
      expect(whole.map(({ variant }) => variant).sort()).toEqual(["", "none"])
      expect(reused).toEqual(new Map())
    })
  )
})
