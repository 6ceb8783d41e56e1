import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import fc from "fast-check"
import { describe, expect } from "vitest"
import type { PullEvent } from "../../../src/api/events.ts"
import { openSnapshot } from "../../../src/store/database/Snapshot.ts"
import { SqlClient } from "../../../src/store/database/Sql.ts"
import { openSqlJs } from "../../../src/store/database/SqlJs.ts"
import { it } from "../../support/effect.ts"
import { runs } from "../../support/runs.ts"
import { digestOf, directory, imageOf, layerOf, open, publishLayers, pullInto } from "../fixtures.ts"

const amd64 = { os: "linux", architecture: "amd64" }
const alpine = "docker.io/library/alpine:3"

/** Asks the file itself, as another program would. */
const ask = Effect.fnUntraced(function* (path: string, query: string) {
  const snapshot = yield* openSnapshot(path)
  const rows = yield* Effect.flatMap(SqlClient, (sql) => sql.unsafe(query)).pipe(
    Effect.provideService(SqlClient, snapshot.client)
  )
  snapshot.close()
  return rows
})

describe("the catalogue's rows", () => {
  it.live("layers come back in manifest order, whatever the order and the repeats", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      const names = ["a", "b", "c", "d"]
      yield* publishLayers(store, imageOf({ layers: names }))
      let round = 0
      const law = fc.asyncProperty(fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 8 }), (layers) =>
        Effect.runPromise(
          Effect.gen(function* () {
            const image = imageOf({ reference: `example.org/a:${round++ % 5}`, layers })
            yield* store.catalogue.record(image)
            const found = Option.getOrThrow(yield* store.catalogue.find(image.reference, amd64))
            expect(found.layers.map(({ digest }) => digest)).toEqual(layers.map((name) => layerOf(name).digest))
          })
        )
      )
      yield* Effect.promise(() => fc.assert(law, { numRuns: runs(25) }))
    })
  )
  it.effect("a tag that moves leaves no row of what it named before, on any platform", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      yield* pullInto(store, { layers: ["old"] })
      yield* pullInto(store, { layers: ["old-arm"], architecture: "arm64" })
      yield* Effect.promise(() => rm(store.trees.layerPath(layerOf("old-arm").digest), { recursive: true }))
      yield* pullInto(store, { layers: ["new"], version: "2" })
      const count = `SELECT (SELECT count(*) FROM images) i, (SELECT count(*) FROM indexes) x,
        (SELECT count(*) FROM manifests) m, (SELECT count(*) FROM configs) c, (SELECT count(*) FROM manifest_layers) ml`
      expect(yield* ask(store.database, count)).toEqual([{ i: 1, x: 1, m: 1, c: 1, ml: 1 }])
      const layers = yield* ask(store.database, "SELECT digest FROM layers ORDER BY id")
      expect(layers.map((row) => Object(row).digest)).toEqual([layerOf("old").digest, layerOf("new").digest])
      expect(Option.isNone(yield* store.catalogue.find(alpine, { os: "linux", architecture: "arm64" }))).toBe(true)
    })
  )
  it.effect("recording the same image again adds no row", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      for (let i = 0; i < 3; i++) yield* pullInto(store, { layers: ["a", "b", "a"] })
      const count = "SELECT (SELECT count(*) FROM manifests) m, (SELECT count(*) FROM manifest_layers) ml"
      expect(yield* ask(store.database, count)).toEqual([{ m: 1, ml: 3 }])
    })
  )
  it.effect(
    "an image that was found is found again as it is now: recorded anew by another store, or without its trees",
    () =>
      Effect.gen(function* () {
        const root = yield* directory
        const [store, other] = [yield* open({ root }), yield* open({ root })]
        const find = Effect.map(store.catalogue.find(alpine, amd64), Option.getOrUndefined)
        yield* pullInto(store, { layers: ["a"] })
        const first = yield* find
        expect(yield* find).toEqual(first)
        yield* pullInto(other, { layers: ["b"], version: "2" })
        const second = yield* find
        expect([first, second].map((it) => it?.layers.map(({ digest }) => digest))).toEqual([
          [layerOf("a").digest],
          [layerOf("b").digest]
        ])
        yield* Effect.promise(() => rm(store.trees.layerPath(layerOf("b").digest), { recursive: true }))
        expect(yield* find).toBeUndefined()
      })
  )
  it.effect("what a caller does to an image that was found is not seen by the next one", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      yield* pullInto(store, { layers: ["a"] })
      const find = Effect.map(store.catalogue.find(alpine, amd64), Option.getOrThrow)
      const [found, before] = [yield* find, structuredClone(yield* find)]
      const emptied = (value: object) => {
        for (const [key, inner] of Object.entries(value)) {
          if (typeof inner === "object" && inner !== null) emptied(inner)
          Reflect.deleteProperty(value, key)
        }
      }
      emptied(found)
      expect(yield* find).toEqual(before)
    })
  )
  it.effect("many references of one image share its layers", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      for (let i = 0; i < 10; i++) yield* pullInto(store, { reference: `example.org/a:${i}`, layers: ["a", "b"] })
      const count = "SELECT (SELECT count(*) FROM images) i, (SELECT count(*) FROM layers) l"
      expect(yield* ask(store.database, count)).toEqual([{ i: 10, l: 2 }])
    })
  )
  it.effect("what a config does not have is NULL, what it has keeps its form", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      yield* pullInto(store, { config: { ExposedPorts: { "80/tcp": {} }, Entrypoint: null } })
      const columns = "config_exposed_ports_json, config_entrypoint_json, config_cmd_json, config_volumes_json, created"
      expect(yield* ask(store.database, `SELECT ${columns} FROM configs`)).toEqual([
        {
          config_exposed_ports_json: '{"80/tcp":{}}',
          config_entrypoint_json: null,
          config_cmd_json: null,
          config_volumes_json: null,
          created: null
        }
      ])
    })
  )
  it.effect("a manifest without an index is recorded as itself", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      const image = yield* pullInto(store, { indexed: false })
      expect(image.digest).toBe(image.manifestDigest)
      expect(Option.getOrThrow(yield* store.catalogue.inspect(alpine)).index).toBeUndefined()
    })
  )
  it.effect("a config that claims another diffID for a known layer is refused, and nothing changes", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      yield* pullInto(store, { layers: ["a"] })
      const image = imageOf({ reference: "example.org/evil:1", layers: ["a"] })
      const lie = { ...layerOf("a"), diffId: digestOf("lie") }
      const error = yield* Effect.flip(store.catalogue.record({ ...image, layers: [lie] }))
      expect(error._tag).toBe("DigestMismatch")
      expect((yield* store.catalogue.images()).map(({ reference }) => reference)).toEqual([alpine])
    })
  )
  it.effect("a layer's name that is not a digest is refused", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      const image = imageOf({ layers: ["a"] })
      const layers = [{ ...layerOf("a"), digest: "sha256:../../escape" }]
      expect((yield* Effect.flip(store.catalogue.record({ ...image, layers })))._tag).toBe("InvalidManifest")
    })
  )
  it.effect("sizes past 2 GiB are whole numbers", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      const image = imageOf({ layers: ["a"] })
      yield* publishLayers(store, image)
      const size = 5_000_000_001
      const recorded = yield* store.catalogue.record({ ...image, layers: [{ ...layerOf("a"), size }] })
      expect(recorded.layers[0]?.size).toBe(size)
      const types = "SELECT typeof(l.size_bytes) l, typeof(i.size_bytes) i FROM layers l, images i"
      expect(yield* ask(store.database, types)).toEqual([{ l: "integer", i: "integer" }])
    })
  )
})

describe("the catalogue's file", () => {
  it.effect("a store sees what another store wrote", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const [one, two] = [yield* open({ root }), yield* open({ root })]
      expect(yield* two.catalogue.images()).toEqual([])
      for (let i = 0; i < 4; i++) {
        yield* pullInto(one, { reference: `example.org/one:${i}` })
        yield* pullInto(two, { reference: `example.org/two:${i}` })
      }
      expect(yield* one.catalogue.images()).toHaveLength(8)
      expect(yield* two.catalogue.images()).toEqual(yield* one.catalogue.images())
    })
  )
  it.effect("what a crash left beside it does no harm", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      yield* pullInto(store, { reference: "example.org/a:1" })
      yield* Effect.promise(() => writeFile(`${store.database}.tmp`, "half a database"))
      const next = yield* open({ root })
      yield* pullInto(next, { reference: "example.org/a:2" })
      expect(yield* next.catalogue.images()).toHaveLength(2)
      expect(yield* Effect.promise(() => readdir(root))).not.toContain("oci.db.tmp")
    })
  )
  it.effect("one of a newer version is refused by name, and not touched", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const path = join(root, "oci.db")
      const future = yield* openSqlJs()
      yield* future.client`CREATE TABLE schema_migrations (migration_id INTEGER PRIMARY KEY, name TEXT)`
      yield* future.client`INSERT INTO schema_migrations VALUES (99, 'later')`
      yield* Effect.promise(() => writeFile(path, future.export()))
      const before = yield* Effect.promise(() => readFile(path))
      const store = yield* open({ root })
      const error = yield* Effect.flip(store.catalogue.images())
      expect(error).toMatchObject({ _tag: "CatalogueTooNew", found: 99, supported: 3 })
      yield* publishLayers(store, imageOf())
      expect((yield* Effect.flip(store.catalogue.record(imageOf())))._tag).toBe("CatalogueTooNew")
      expect(yield* Effect.promise(() => readFile(path))).toEqual(before)
    })
  )
  for (const [name, damage] of [
    ["garbage", () => Buffer.from("this is not a database")],
    ["empty", () => Buffer.alloc(0)],
    ["cut short", (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    ["zeroed within", (bytes: Buffer) => bytes.fill(0, 4096, 16384)]
  ] as const) {
    it.effect(`a damaged one (${name}) is set aside with a warning, and built again from the documents`, () =>
      Effect.gen(function* () {
        const root = yield* directory
        const first = yield* open({ root })
        const image = yield* pullInto(first, { layers: ["a", "b", "a"] })
        yield* pullInto(first, { reference: "example.org/gone:1", layers: ["gone"], version: "2" })
        const damaged = damage(yield* Effect.promise(() => readFile(first.database)))
        yield* Effect.promise(() => writeFile(first.database, damaged))
        yield* Effect.promise(() => rm(first.trees.layerPath(layerOf("gone").digest), { recursive: true }))
        const warnings: Array<PullEvent> = []
        const store = yield* open({ root, emit: (event) => warnings.push(event) })
        expect(Option.getOrThrow(yield* store.catalogue.find(alpine, amd64))).toEqual(image)
        yield* pullInto(store, { reference: "example.org/next:1", version: "3" })
        const names = (yield* store.catalogue.images()).map(({ reference }) => reference)
        expect(names).toEqual([alpine, "example.org/next:1"])
        expect(warnings).toMatchObject([{ _tag: "Warning", code: "CatalogueDamaged" }])
        const aside = (yield* Effect.promise(() => readdir(root))).filter((it) => it.startsWith("oci.db.damaged-"))
        expect(aside).toHaveLength(1)
        expect(yield* Effect.promise(() => readFile(join(root, aside[0] ?? "")))).toEqual(damaged)
        expect(yield* (yield* open({ root })).catalogue.images()).toHaveLength(2)
      })
    )
  }
  it.effect("a lost one is built again, but not from documents that were changed", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const first = yield* open({ root })
      yield* pullInto(first, { reference: "example.org/good:1", version: "1" })
      yield* pullInto(first, { reference: "example.org/bad:1", version: "2" })
      yield* Effect.promise(() => rm(first.database))
      const { digest } = imageOf({ reference: "example.org/bad:1", version: "2" }).manifest
      yield* Effect.promise(() => writeFile(join(root, "documents", ...digest.split(":")), "{}"))
      const store = yield* open({ root })
      expect((yield* store.catalogue.images()).map(({ reference }) => reference)).toEqual(["example.org/good:1"])
    })
  )
  it.effect("a record without rows gives way to the next image of its name", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const first = yield* open({ root })
      yield* pullInto(first, { version: "1" })
      for (const name of yield* Effect.promise(() => readdir(root)))
        if (name.startsWith("oci.db")) yield* Effect.promise(() => rm(join(root, name)))
      // Another store's catalogue: what is under `references` was never in it.
      const elsewhere = yield* open({ root: yield* directory })
      yield* pullInto(elsewhere, { reference: "example.org/other:1" })
      yield* Effect.promise(() => copyFile(elsewhere.database, join(root, "oci.db")))
      const second = yield* open({ root })
      const { digest } = yield* pullInto(second, { version: "2", architecture: "arm64" })
      yield* Effect.promise(() => writeFile(second.database, "damaged"))
      const third = yield* open({ root })
      expect((yield* third.catalogue.images()).map((it) => [it.reference, it.digest])).toEqual([[alpine, digest]])
    })
  )
  it.effect("rows that a process did not live to write are in the file as soon as an image is served by them", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const first = yield* open({ root })
      yield* pullInto(first)
      for (const name of yield* Effect.promise(() => readdir(root)))
        if (name.startsWith("oci.db")) yield* Effect.promise(() => rm(join(root, name)))
      const store = yield* open({ root })
      expect(Option.isSome(yield* store.catalogue.find(alpine, amd64))).toBe(true)
      const { client } = yield* openSqlJs(yield* Effect.promise(() => readFile(store.database)))
      expect(yield* client`SELECT reference FROM images`).toEqual([{ reference: alpine }])
    })
  )
  it.effect("a store that nobody has pulled into is not written to by a question", () =>
    Effect.gen(function* () {
      const root = yield* directory
      expect(yield* (yield* open({ root })).catalogue.images()).toEqual([])
      expect(yield* Effect.promise(() => readdir(root))).toEqual([])
    })
  )
  it.effect("a write that fails is a typed error, and what was there stays", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      yield* pullInto(store, { reference: "example.org/a:1" })
      // A directory in the way of the file written beside: the write fails, as on a full disk.
      const blocked = join(root, "oci.db.tmp")
      yield* Effect.promise(() => mkdir(blocked))
      const error = yield* Effect.flip(pullInto(store, { reference: "example.org/a:2" }))
      expect(error).toMatchObject({ _tag: "FileSystemFailed", code: "EISDIR" })
      expect(yield* store.catalogue.images()).toHaveLength(1)
      yield* Effect.promise(() => rm(blocked, { recursive: true }))
      yield* pullInto(store, { reference: "example.org/a:3" })
      expect((yield* store.catalogue.images()).map(({ reference }) => reference)).toEqual([
        "example.org/a:1",
        "example.org/a:3"
      ])
    })
  )
})
