/** In which forms an image was pulled is a fact of the catalogue, whatever trees stand there. */
import { readdir, rm } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { describe, expect, test } from "vitest"
import { isDigest } from "../../../src/image/reference/Digest.ts"
import { replaceDatabase } from "../../../src/store/database/replaceDatabase.ts"
import { SqlClient } from "../../../src/store/database/Sql.ts"
import { openSqlJs } from "../../../src/store/database/SqlJs.ts"
import { readTreeName } from "../../../src/store/trees/TreePaths.ts"
import { likelyForms, wholeForms } from "../../../src/store/trees/treeForms.ts"
import { it } from "../../support/effect.ts"
import { directory, imageOf, layerOf, type OpenStore, open, publishLayers, pullInto } from "../fixtures.ts"

const treesOf = (...names: ReadonlyArray<string>) => names.flatMap((name) => readTreeName(name) ?? [])
const layers = (...digests: ReadonlyArray<string>) => digests.map((digest) => ({ digest }))
const extracted = (variant: string) => ({ kind: "extracted", variant })

describe("the forms in which all of an image is there", () => {
  const trees = treesOf("x:a.extracted", "x:b.chown.extracted", "x:a.chown.extracted", "x:m.none.rootfs")
  test.each([
    ["x:n", layers("x:a", "x:b"), [extracted("chown")]],
    ["x:n", layers("x:a"), [extracted(""), extracted("chown")]],
    ["x:m", layers("x:c"), [{ kind: "rootfs", variant: "none" }]],
    ["x:n", layers("x:c"), []],
    ["x:n", [], []]
  ])("%s of %j", (manifest, wanted, expected) => {
    expect(wholeForms(trees)(manifest, wanted)).toEqual(expected)
  })
})

test.each([
  [["x:a.extracted", "x:b.extracted", "x:a.chown.extracted"], [extracted("")]],
  [["x:a.extracted", "x:b.chown.extracted", "x:c.chown.extracted"], [extracted("chown")]],
  [["x:m.rootfs", "x:a.chown.extracted"], [{ kind: "rootfs", variant: "" }]],
  [["x:other.extracted"], []]
])("of %j the likely form is where most of the image is", (names, expected) => {
  expect(likelyForms(treesOf(...names))("x:m", layers("x:a", "x:b", "x:c"))).toEqual(expected)
})

const a = { reference: "e.org/a:1", layers: ["base", "a"], version: "a" }
const b = { reference: "e.org/b:1", layers: ["base", "b"], version: "b" }
const amd64 = { os: "linux", architecture: "amd64" }
const named = (store: OpenStore, ...names: ReadonlyArray<string>) =>
  names.map((name) => store.trees.layerPath(layerOf(name).digest).slice(store.layersDir.length + 1))
const there = (store: OpenStore) =>
  Effect.promise(async () => (await readdir(store.layersDir)).filter((name) => name.endsWith(".extracted")).sort())
const two = Effect.gen(function* () {
  const root = yield* directory
  return { root, plain: yield* open({ root }), overlay: yield* open({ root, variant: "overlay-user" }) }
})

describe("a tree in another form than its image was pulled in", () => {
  it.effect("that another image left is not a fault, and goes with the next cleaning up", () =>
    Effect.gen(function* () {
      const { plain, overlay } = yield* two
      yield* pullInto(overlay, a)
      yield* pullInto(plain, b)
      const removed = yield* overlay.upkeep.remove(a.reference)
      expect(removed.layers.map(({ digest }) => digest).sort()).toEqual(
        [layerOf("a").digest, layerOf("base").digest].sort()
      )
      for (const store of [plain, overlay]) expect(yield* store.upkeep.verify).toEqual([])
      expect(yield* there(plain)).toEqual(named(plain, "base", "b").sort())
    })
  )
  it.effect("that a pull left, which came to no end, or is running, is not a fault; prune takes it", () =>
    Effect.gen(function* () {
      const { plain, overlay } = yield* two
      yield* pullInto(plain, a)
      yield* publishLayers(overlay, imageOf({ layers: ["base"] }))
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* overlay.locks.lease
          for (const store of [plain, overlay]) expect(yield* store.upkeep.verify).toEqual([])
        })
      )
      expect((yield* plain.upkeep.prune({ dryRun: true })).layers).toMatchObject([{ digest: layerOf("base").digest }])
      expect((yield* plain.upkeep.usage).orphans.count).toBe(1)
      expect((yield* plain.upkeep.prune()).layers).toMatchObject([{ digest: layerOf("base").digest }])
      expect(yield* there(plain)).toEqual(named(plain, "base", "a").sort())
      expect(Option.isSome(yield* plain.catalogue.find(a.reference, amd64))).toBe(true)
    })
  )
  it.effect("that others made, and an image is found complete in, is its own from then on", () =>
    Effect.gen(function* () {
      const { root, plain, overlay } = yield* two
      yield* pullInto(plain, { ...a, layers: ["base"] })
      yield* pullInto(overlay, b)
      expect(Option.isSome(yield* overlay.catalogue.find(a.reference, amd64))).toBe(true)
      yield* plain.upkeep.remove(b.reference)
      yield* plain.upkeep.prune()
      expect(yield* there(plain)).toEqual([...named(overlay, "base"), ...named(plain, "base")].sort())
      yield* Effect.promise(() => rm(join(root, "oci.db")))
      yield* plain.catalogue.images()
      yield* plain.upkeep.prune()
      expect(yield* there(plain)).toEqual([...named(overlay, "base"), ...named(plain, "base")].sort())
      yield* Effect.promise(() => rm(overlay.trees.layerPath(layerOf("base").digest), { recursive: true }))
      expect(yield* plain.upkeep.verify).toMatchObject([{ reference: a.reference, variant: "overlay-user" }])
    })
  )
  it.effect("stays when the same image is pulled again in one of its forms, and goes when its tag moves on", () =>
    Effect.gen(function* () {
      const { plain, overlay } = yield* two
      for (const store of [plain, overlay, plain]) yield* pullInto(store, a)
      yield* plain.upkeep.prune()
      expect(yield* there(plain)).toHaveLength(4)
      yield* pullInto(plain, { ...a, layers: ["base", "next"], version: "next" })
      yield* plain.upkeep.prune()
      expect(yield* there(plain)).toEqual(named(plain, "base", "next").sort())
      for (const store of [plain, overlay]) expect(yield* store.upkeep.verify).toEqual([])
    })
  )
})

describe("a catalogue of an earlier version", () => {
  /** As it was: without the table (1) and the columns (1, 2), and without what the records say of trees. */
  const older = Effect.fnUntraced(function* ({ database }: OpenStore, version: 1 | 2) {
    const bytes = yield* Effect.promise(() => import("node:fs/promises").then(({ readFile }) => readFile(database)))
    const { client, export: out } = yield* openSqlJs(new Uint8Array(bytes))
    yield* Effect.gen(function* () {
      const sql = yield* SqlClient
      if (version === 1) yield* sql`DROP TABLE manifest_trees`
      for (const column of ["tree", "diff_id"]) yield* sql`ALTER TABLE manifest_layers DROP COLUMN ${sql(column)}`
      yield* sql`DELETE FROM schema_migrations WHERE migration_id > ${version}`
    }).pipe(Effect.provideService(SqlClient, client))
    yield* replaceDatabase(database, out())
  })

  it.effect("is asked once which forms are likely: what is whole, else what is there most of", () =>
    Effect.gen(function* () {
      const { root, plain, overlay } = yield* two
      yield* pullInto(overlay, a)
      yield* pullInto(plain, b)
      yield* Effect.promise(() => rm(plain.trees.layerPath(layerOf("b").digest), { recursive: true }))
      yield* older(plain, 1)
      const again = yield* open({ root })
      expect(yield* again.upkeep.verify).toMatchObject([{ reference: b.reference, digest: layerOf("b").digest }])
      expect((yield* again.upkeep.prune()).layers).toEqual([])
      expect(yield* there(plain)).toEqual([...named(overlay, "base", "a"), ...named(plain, "base")].sort())
    })
  )

  for (const version of [1, 2] as const)
    it.effect(`(${version}) has the diffIDs that its layers were proven to have`, () =>
      Effect.gen(function* () {
        const { root, plain } = yield* two
        yield* pullInto(plain, a)
        yield* older(plain, version)
        const again = yield* open({ root })
        expect(Option.isSome(yield* again.catalogue.find(a.reference, amd64))).toBe(true)
        // Another blob of the same archive: its tree serves where the layer's own is gone.
        const { digest, diffId } = layerOf("base")
        const other = layerOf("other").digest
        yield* publishLayers(again, imageOf({ layers: ["other"] }))
        if (!isDigest(diffId)) return expect.unreachable()
        yield* again.trees.proofs.keep(other, diffId)
        yield* again.trees.fingerprints.keep(again.trees.layerPath(other), `a:${"0".repeat(64)}`)
        yield* Effect.promise(() => rm(again.trees.layerPath(digest), { recursive: true }))
        const found = Option.getOrUndefined(yield* again.catalogue.find(a.reference, amd64))
        expect(found?.layers).toMatchObject([{ digest, diffId, path: again.trees.layerPath(other) }, {}])
        expect(yield* again.upkeep.verify).toEqual([])
        yield* again.upkeep.prune()
        expect(yield* there(again)).toEqual(named(again, "a", "other").sort())
      })
    )
})
