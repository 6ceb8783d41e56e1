import { mkdir, readdir, rm, rmdir, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { lastValueFrom, of } from "rxjs"
import { describe, expect } from "vitest"
import { Gate } from "../../../src/reactive/Gate.ts"
import { openCatalogue } from "../../../src/store/catalogue/openCatalogue.ts"
import { makeStaging, stagingsIn, sweep } from "../../../src/store/trees/Staging.ts"
import { makeTreePaths } from "../../../src/store/trees/TreePaths.ts"
import { makeCleaner } from "../../../src/store/upkeep/Cleaner.ts"
import { it } from "../../support/effect.ts"
import { directory, imageOf, layerOf, type OpenStore, open, publishLayers, pullInto } from "../fixtures.ts"

const digests = (...names: ReadonlyArray<string>) => names.map((name) => layerOf(name).digest)
const onDisk = (store: OpenStore) =>
  Effect.promise(async () => (await readdir(store.layersDir)).filter((name) => name.endsWith(".extracted")).sort())
const directories = (...names: ReadonlyArray<string>) =>
  digests(...names)
    .map((digest) => `${digest}.extracted`)
    .sort()
const references = (store: OpenStore) =>
  Effect.map(store.catalogue.images(), (images) => images.map(({ reference }) => reference))
const files = async (path: string): Promise<number> =>
  (await readdir(path, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).length

describe("remove", () => {
  it.effect("takes the layers that only this image needed, its documents, and nothing else", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      yield* pullInto(store, { reference: "e.org/a:1", layers: ["base", "a"], version: "a" })
      yield* pullInto(store, { reference: "e.org/b:1", layers: ["base", "b"], version: "b" })
      yield* publishLayers(store, imageOf({ layers: ["nobody's"] }))
      const removed = yield* store.upkeep.remove("e.org/a:1")
      expect(removed).toMatchObject({ images: ["e.org/a:1"], deferred: false, partials: [] })
      expect(removed.layers.map(({ digest }) => digest)).toEqual(digests("a"))
      expect(removed.bytes).toBeGreaterThan(0)
      expect(yield* onDisk(store)).toEqual(directories("base", "b", "nobody's"))
      expect(yield* references(store)).toEqual(["e.org/b:1"])
      expect(yield* Effect.promise(() => files(join(root, "documents")))).toBe(3)
      expect(yield* Effect.promise(() => files(join(root, "references")))).toBe(1)
    })
  )
  it.effect("of one of two references keeps the image they share", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      const twin = { layers: ["a"] }
      yield* pullInto(store, { ...twin, reference: "e.org/a:1" })
      yield* pullInto(store, { ...twin, reference: "e.org/a:latest" })
      expect((yield* store.upkeep.remove("e.org/a:1")).layers).toEqual([])
      expect(Option.isSome(yield* store.catalogue.find("e.org/a:latest", { os: "linux", architecture: "amd64" }))).toBe(
        true
      )
      expect(yield* store.upkeep.verify).toEqual([])
    })
  )
  it.effect("of what is not there removes nothing", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      expect(yield* store.upkeep.remove("e.org/none:1")).toMatchObject({ images: [], layers: [], bytes: 0 })
    })
  )
  it.effect("of what is not there writes nothing, and leaves nothing for later, a running pull or not", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const [store, other] = [yield* open({ root }), yield* open({ root })]
      yield* pullInto(store)
      yield* other.locks.lease
      const identity = Effect.promise(async () => (await stat(store.database, { bigint: true })).mtimeNs)
      const before = yield* identity
      expect(yield* store.upkeep.remove("e.org/none:1")).toMatchObject({ images: [], deferred: false })
      expect(yield* identity).toBe(before)
    })
  )
  it.effect("that fails leaves the image with all its documents", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      yield* pullInto(store, { reference: "e.org/a:1" })
      yield* Effect.promise(() => mkdir(`${store.database}.tmp`))
      expect((yield* Effect.flip(store.upkeep.remove("e.org/a:1")))._tag).toBe("FileSystemFailed")
      expect(yield* store.upkeep.verify).toEqual([])
      expect(yield* Effect.promise(() => files(join(root, "references")))).toBe(1)
      yield* Effect.promise(() => rmdir(`${store.database}.tmp`))
      expect((yield* store.upkeep.remove("e.org/a:1")).images).toEqual(["e.org/a:1"])
      expect(yield* Effect.promise(() => files(join(root, "documents")))).toBe(0)
    })
  )
  it.effect("an image without layers can be removed too", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      yield* pullInto(store, { reference: "e.org/empty:1", layers: [] })
      expect((yield* store.upkeep.remove("e.org/empty:1")).images).toEqual(["e.org/empty:1"])
      expect(yield* references(store)).toEqual([])
    })
  )
  it.effect("what was removed does not come back when the catalogue is built again", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      yield* pullInto(store, { reference: "e.org/a:1", layers: ["base"], version: "a" })
      yield* pullInto(store, { reference: "e.org/b:1", layers: ["base"], version: "b" })
      yield* store.upkeep.remove("e.org/a:1")
      yield* Effect.promise(() => rm(store.database))
      expect(yield* references(yield* open({ root }))).toEqual(["e.org/b:1"])
    })
  )
})

describe("prune", () => {
  const three = Effect.fnUntraced(function* (store: OpenStore) {
    for (const name of ["a", "b", "c"]) {
      yield* pullInto(store, { reference: `e.org/${name}:1`, layers: ["base", name], version: name })
      yield* TestClock.adjust("1 hour")
    }
  })
  it.effect("without options removes what no image names, and cut-off downloads", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      yield* three(store)
      yield* publishLayers(store, imageOf({ layers: ["nobody's"] }))
      yield* Effect.promise(() => mkdir(join(store.layersDir, "mine.extracted")))
      const { digest } = layerOf("cut")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const partial = yield* store.blobs.partial({ digest, size: 100 })
          yield* Effect.promise(() => lastValueFrom(partial.bytes$(new Gate(), () => of(new Uint8Array(10)))))
        })
      )
      const dry = yield* store.upkeep.prune({ dryRun: true })
      expect(yield* onDisk(store)).toContain(directories("nobody's")[0])
      const pruned = yield* store.upkeep.prune()
      expect(pruned).toEqual(dry)
      expect(pruned.images).toEqual([])
      expect(pruned.layers.map((layer) => layer.digest)).toEqual(digests("nobody's"))
      expect(pruned.partials.map((partial) => partial.digest)).toEqual([digest])
      expect(yield* onDisk(store)).toEqual(["mine.extracted", ...directories("base", "a", "b", "c")])
      expect(yield* Effect.promise(() => readdir(join(root, "partial")))).toEqual([])
    })
  )
  it.effect("by age removes the images that were not used since", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      yield* three(store)
      yield* store.catalogue.find("e.org/a:1", { os: "linux", architecture: "amd64" })
      const how = { unusedFor: 90 * 60_000 }
      const dry = yield* store.upkeep.prune({ ...how, dryRun: true })
      expect(dry.images).toEqual(["e.org/b:1"])
      expect(yield* references(store)).toHaveLength(3)
      expect(yield* store.upkeep.prune(how)).toEqual(dry)
      expect(yield* references(store)).toEqual(["e.org/a:1", "e.org/c:1"])
      expect(yield* onDisk(store)).toEqual(directories("base", "a", "c"))
    })
  )
  it.effect("by size removes the longest unused until the rest fits", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      yield* three(store)
      const { layers } = yield* store.upkeep.usage
      expect(layers.count).toBe(4)
      expect((yield* store.upkeep.prune({ keepBytes: layers.bytes })).images).toEqual([])
      expect((yield* store.upkeep.prune({ keepBytes: layers.bytes - 1 })).images).toEqual(["e.org/a:1"])
      expect((yield* store.upkeep.prune({ keepBytes: 0 })).images).toEqual(["e.org/b:1", "e.org/c:1"])
      expect(yield* onDisk(store)).toEqual([])
    })
  )
  it.effect("takes no image that was used within the last minute: its next use would leave no trace", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      yield* pullInto(store, { reference: "e.org/a:1" })
      yield* TestClock.adjust("1 minute")
      for (const how of [{ keepBytes: 0 }, { unusedFor: 0 }]) {
        expect((yield* store.upkeep.prune({ ...how, dryRun: true })).images).toEqual([])
        expect((yield* store.upkeep.prune(how)).images).toEqual([])
      }
      yield* TestClock.adjust("1 milli")
      expect((yield* store.upkeep.prune({ keepBytes: 0 })).images).toEqual(["e.org/a:1"])
    })
  )
  it.effect("takes no image that was pulled anew or used since it was chosen, and does not say it did", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const other = yield* open({ root })
      yield* three(other)
      const lockPath = (name: string) => join(root, "locks", name)
      const { layersDir, layerPath, variant } = makeTreePaths(join(root, "layers"), "")
      const { archives } = other.trees
      const places = { root, layersDir, layerPath, variant, archives }
      const options = { ...places, path: other.database, lockPath: lockPath("catalogue") }
      const { database } = yield* openCatalogue({
        ...options,
        pathsOf: () => options,
        lease: Effect.void,
        emit: () => {}
      })
      const meanwhile = Effect.gen(function* () {
        yield* pullInto(other, { reference: "e.org/a:1", layers: ["base", "moved"], version: "moved" })
        yield* other.catalogue.find("e.org/b:1", { os: "linux", architecture: "amd64" })
      })
      const keeper = makeCleaner({
        ...options,
        lockPath,
        partialPath: (digest) => join(root, "partial", digest),
        sweepEach: (each) => sweep(stagingsIn(layersDir), each),
        staging: makeStaging(layersDir, "prune").pipe(Effect.provideService(Scope.Scope, yield* Effect.scope)),
        database: {
          read: database.read,
          transaction: (name, ...rest) =>
            Effect.andThen(
              name === "remove" ? Effect.orDie(meanwhile) : Effect.void,
              database.transaction(name, ...rest)
            )
        }
      })
      expect((yield* keeper.prune({ keepBytes: 1 })).images).toEqual(["e.org/c:1"])
      expect(yield* references(other)).toEqual(["e.org/a:1", "e.org/b:1"])
      expect(yield* other.upkeep.verify).toEqual([])
      expect(yield* onDisk(other)).toEqual(directories("base", "b", "moved"))
    })
  )
  it.effect("a layer that a running pull has published and not yet named stays", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const [store, other] = [yield* open({ root }), yield* open({ root })]
      const image = imageOf({ layers: ["new"] })
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* store.locks.lease
          yield* publishLayers(store, image)
          expect(yield* other.upkeep.prune()).toMatchObject({ layers: [], deferred: true })
          yield* store.catalogue.record(image)
        })
      )
      expect(yield* other.upkeep.prune()).toMatchObject({ layers: [], deferred: false })
      expect(yield* onDisk(store)).toEqual(directories("new"))
    })
  )
  it.effect("a download that is being continued stays", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      const { digest } = layerOf("cut")
      yield* Effect.promise(() =>
        mkdir(join(root, "partial")).then(() => writeFile(join(root, "partial", digest), "x"))
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* store.locks.lock(digest)
          expect((yield* store.upkeep.prune()).partials).toEqual([])
        })
      )
      expect((yield* store.upkeep.prune()).partials).toHaveLength(1)
    })
  )
})

describe("usage and verify", () => {
  it.effect("what is occupied is counted once, by what it is", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      yield* pullInto(store, { reference: "e.org/a:1", layers: ["base", "a", "a"], version: "a" })
      yield* pullInto(store, { reference: "e.org/b:1", layers: ["base"], version: "b" })
      yield* publishLayers(store, imageOf({ layers: ["nobody's"] }))
      const used = yield* store.upkeep.usage
      expect(used).toMatchObject({
        images: 2,
        layers: { count: 2 },
        orphans: { count: 1 },
        partials: { count: 0, bytes: 0 }
      })
      const file = yield* Effect.promise(() => stat(join(store.trees.layerPath(layerOf("a").digest), "file")))
      expect(used.layers.bytes).toBeGreaterThanOrEqual(2 * file.blocks * 512)
      expect(used.catalogue).toBeGreaterThan(0)
    })
  )
  it.effect("a missing layer and a changed document are found", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      yield* pullInto(store, { layers: ["a", "b"] })
      expect(yield* store.upkeep.verify).toEqual([])
      const { digest } = imageOf({ layers: ["a", "b"] }).config
      yield* Effect.promise(async () => {
        await rm(store.trees.layerPath(layerOf("b").digest), { recursive: true })
        await writeFile(join(root, "documents", ...digest.split(":")), "{}")
      })
      expect((yield* store.upkeep.verify).map((fault) => [fault.digest, fault.problem])).toEqual([
        [digest, "the document is missing, or was changed"],
        [layerOf("b").digest, "the layer's directory is missing"]
      ])
      yield* pullInto(store, { layers: ["a", "b"] })
      expect(yield* store.upkeep.verify).toEqual([])
    })
  )
  it.effect("directories in the place of its files keep neither a removal nor prune", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      yield* pullInto(store, { reference: "e.org/a:1" })
      const strays = ["partial/x", "proofs/x", "fingerprints/x", "oci.db.sound.x", "locks/held/x"]
      for (const path of strays) yield* Effect.promise(() => mkdir(join(root, path, "within"), { recursive: true }))
      expect((yield* store.upkeep.remove("e.org/a:1")).layers.length).toBe(1)
      expect((yield* store.upkeep.prune()).deferred).toBe(false)
      for (const path of strays.slice(0, -1)) {
        const left = yield* Effect.promise(() => readdir(join(root, path)).catch(() => "gone"))
        expect([path, left]).toEqual([path, "gone"])
      }
    })
  )
  it.effect("prune removes what a dead process had staged, and its records of an image that was never complete", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      yield* pullInto(store, { reference: "e.org/a:1" })
      const area = join(root, "layers", ".staging", "00000000-0000-4000-8000-000000000000")
      const record = join(root, "references", "0".repeat(64))
      yield* Effect.promise(async () => {
        await mkdir(join(area, "layer"), { recursive: true })
        await writeFile(join(area, "layer", "half"), Buffer.alloc(20_000))
        await mkdir(record)
        await writeFile(join(root, "oci.db.sound.00000000-0000-4000-8000-000000000000"), "")
        await writeFile(join(root, "locks", "sha256:0"), "")
        await mkdir(join(root, "proofs"), { recursive: true })
        for (const name of ["sha256:0", "sha256:0.tmp", layerOf("a").digest])
          await writeFile(join(root, "proofs", name), "sha256:1")
        await writeFile(join(record, "linux.json"), "{}")
        await mkdir(join(root, "fingerprints"), { recursive: true })
        await writeFile(join(root, "fingerprints", "sha256:0.extracted.tmp"), "")
      })
      const dry = yield* store.upkeep.prune({ dryRun: true })
      expect(dry.staging).toBeGreaterThanOrEqual(20_000)
      expect(dry.bytes).toBe(dry.staging)
      const { staging } = yield* store.upkeep.prune()
      expect(staging).toBe(dry.staging)
      const names = (path: string) => Effect.promise(() => readdir(path))
      expect(yield* names(join(root, "layers", ".staging"))).not.toContain("00000000-0000-4000-8000-000000000000")
      expect(yield* names(join(root, "references"))).toHaveLength(1)
      expect(yield* names(join(root, "fingerprints"))).toEqual([])
      expect(yield* names(join(root, "proofs"))).toEqual([layerOf("a").digest])
      expect(yield* names(join(root, "locks"))).toEqual([])
      expect((yield* names(root)).filter((name) => name.startsWith("oci.db"))).not.toContain(
        "oci.db.sound.00000000-0000-4000-8000-000000000000"
      )
      expect(yield* store.catalogue.images()).toHaveLength(1)
    })
  )
})
