import { mkdir, readdir, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as TestClock from "effect/testing/TestClock"
import { describe, expect } from "vitest"
import { it } from "../support/effect.ts"
import { directory, imageOf, layerOf, open, publishLayers, pullInto } from "./fixtures.ts"

const amd64 = { os: "linux", architecture: "amd64" }
const alpine = "docker.io/library/alpine:3"
const names = (path: string) => Effect.promise(() => readdir(path))

describe("the store's places", () => {
  it.effect("opening a store that is never used touches nothing", () =>
    Effect.gen(function* () {
      const root = yield* directory
      yield* Effect.scoped(open({ root: join(root, "store") }))
      expect(yield* names(root)).toEqual([])
    })
  )
  it.effect("layers are where layersDir says, and the catalogue in the root", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const layersDir = join(root, "elsewhere")
      const store = yield* open({ root: join(root, "store"), layersDir })
      const image = yield* pullInto(store, { layers: ["a"] })
      const { digest } = layerOf("a")
      expect(image.layers[0]?.path).toBe(join(layersDir, `${digest}.extracted`))
      expect(yield* store.trees.hasLayer(digest)).toBe(true)
      expect(Option.isSome(yield* store.catalogue.find(alpine, amd64))).toBe(true)
      expect(yield* names(join(root, "store"))).not.toContain("layers")
    })
  )
  it.effect("a layer's root has the mode of every other directory", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      const [layer] = (yield* pullInto(store)).layers
      const made = yield* Effect.promise(() => stat(layer?.path ?? ""))
      yield* Effect.promise(() => mkdir(join(root, "like")))
      expect(made.mode).toBe((yield* Effect.promise(() => stat(join(root, "like")))).mode)
    })
  )
})

describe("staging", () => {
  it.effect("what is not published goes with its scope", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      const { digest } = layerOf("a")
      const path = yield* Effect.scoped(store.staging.stage)
      expect(yield* Effect.promise(() => stat(path).catch(() => "gone"))).toBe("gone")
      expect(yield* store.trees.hasLayer(digest)).toBe(false)
    })
  )
  it.effect("a layer that another published meanwhile stays, and ours goes", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      const { digest } = layerOf("a")
      const [first, second] = [yield* store.staging.stage, yield* store.staging.stage]
      yield* Effect.promise(() => mkdir(join(first, "first")))
      yield* Effect.promise(() => mkdir(join(second, "second")))
      expect(yield* store.trees.publish(first, store.trees.layerPath(digest))).toBe(store.trees.layerPath(digest))
      expect(yield* store.trees.publish(second, store.trees.layerPath(digest))).toBe(store.trees.layerPath(digest))
      expect(yield* names(store.trees.layerPath(digest))).toEqual(["first"])
      expect(yield* Effect.promise(() => stat(second).catch(() => "gone"))).toBe("gone")
    })
  )
  it.effect("an interrupted first use does not spoil the store", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      const using = yield* Effect.forkChild(store.catalogue.find(alpine, amd64), { startImmediately: true })
      yield* Fiber.interrupt(using)
      expect(Exit.isFailure(yield* Fiber.await(using))).toBe(true)
      expect(Option.isNone(yield* store.catalogue.find(alpine, amd64))).toBe(true)
    })
  )
})

describe("find", () => {
  it.effect("an image is found once it is recorded, with all it is made of", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      expect(Option.isNone(yield* store.catalogue.find(alpine, amd64))).toBe(true)
      const recorded = yield* pullInto(store, { layers: ["a", "b"] })
      const image = imageOf({ layers: ["a", "b"] })
      expect(Option.getOrThrow(yield* store.catalogue.find(alpine, amd64))).toEqual(recorded)
      expect(recorded).toEqual({
        reference: alpine,
        digest: image.index?.digest,
        manifestDigest: image.manifest.digest,
        configDigest: image.config.digest,
        platform: "linux/amd64",
        size: image.manifest.bytes.length + image.config.bytes.length + 1001 + 1001,
        config: expect.objectContaining({ env: { A: "1" }, diffIds: image.layers.map(({ diffId }) => diffId) }),
        layers: image.layers.map((layer) => ({ ...layer, path: join(store.layersDir, `${layer.digest}.extracted`) }))
      })
    })
  )
  it.effect("an image with a layer missing on disk is not found", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      yield* pullInto(store, { layers: ["a", "b"] })
      yield* Effect.promise(() => rm(store.trees.layerPath(layerOf("b").digest), { recursive: true }))
      expect(Option.isNone(yield* store.catalogue.find(alpine, amd64))).toBe(true)
    })
  )
  it.effect("an empty layer is a layer", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      const image = imageOf({ layers: ["a"] })
      const { digest } = layerOf("a")
      yield* Effect.scoped(
        Effect.flatMap(store.staging.stage, (staging) => store.trees.publish(staging, store.trees.layerPath(digest)))
      )
      yield* store.catalogue.record(image)
      expect(Option.isSome(yield* store.catalogue.find(alpine, amd64))).toBe(true)
    })
  )
  it.effect("another platform of the same reference is another image", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      yield* pullInto(store, { layers: ["a"] })
      expect(Option.isNone(yield* store.catalogue.find(alpine, { os: "linux", architecture: "arm64" }))).toBe(true)
      yield* pullInto(store, { layers: ["b"], architecture: "arm64", variant: "v8" })
      const arm = Option.getOrThrow(yield* store.catalogue.find(alpine, { os: "linux", architecture: "arm64" }))
      expect(arm.layers.map(({ digest }) => digest)).toEqual([layerOf("b").digest])
      const amd = Option.getOrThrow(yield* store.catalogue.find(alpine, amd64))
      expect(amd.layers.map(({ digest }) => digest)).toEqual([layerOf("a").digest])
    })
  )
  it.effect("a platform that led to another one's manifest leads there again", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      const image = imageOf({ architecture: "arm", variant: "v6" })
      const v7 = { os: "linux", architecture: "arm", variant: "v7" }
      yield* publishLayers(store, image)
      yield* store.catalogue.record(image)
      expect(Option.isNone(yield* store.catalogue.find(alpine, v7))).toBe(true)
      yield* store.catalogue.record({ ...image, requested: v7 })
      expect(Option.getOrThrow(yield* store.catalogue.find(alpine, v7)).platform).toBe("linux/arm/v6")
      expect(Option.isSome(yield* store.catalogue.find(alpine, { ...v7, variant: "v6" }))).toBe(true)
    })
  )
  it.effect("using an image moves its last use, and nothing else", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      yield* pullInto(store)
      const [before] = yield* store.catalogue.images()
      yield* TestClock.adjust("2 hours")
      yield* store.catalogue.find(alpine, amd64)
      const [after] = yield* store.catalogue.images()
      expect(after).toEqual({ ...before, lastUsed: "1970-01-01T02:00:00.000Z" })
    })
  )
})

describe("images and inspect", () => {
  it.effect("a reference with two platforms is one line, and shared layers count once", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      const [one, two] = [{ layers: ["a", "b"] }, { layers: ["a", "c"], architecture: "arm64" }]
      yield* pullInto(store, one)
      yield* pullInto(store, two)
      const documents = [imageOf(one), imageOf(two)].flatMap((it) => [it.manifest.bytes, it.config.bytes])
      const size = documents.reduce((sum, { length }) => sum + length, 3 * 1001)
      expect(yield* store.catalogue.images()).toEqual([
        {
          reference: alpine,
          digest: imageOf(one).digest,
          platforms: ["linux/amd64", "linux/arm64"],
          size,
          layers: 3,
          pulled: "1970-01-01T00:00:00.000Z",
          lastUsed: "1970-01-01T00:00:00.000Z"
        }
      ])
    })
  )
  it.effect("a page has so many images after a reference, and pages make up the whole", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      for (const name of ["c", "a", "e", "b", "d"]) {
        yield* pullInto(store, { reference: `example.org/${name}:1`, version: name })
      }
      const all = yield* store.catalogue.images()
      expect(all.map(({ reference }) => reference)).toEqual(
        ["a", "b", "c", "d", "e"].map((it) => `example.org/${it}:1`)
      )
      let pages: typeof all = []
      for (const length of [2, 2, 1, 0]) {
        const page = yield* store.catalogue.images({ limit: 2, after: pages.at(-1)?.reference })
        expect(page).toHaveLength(length)
        pages = [...pages, ...page]
      }
      expect(pages).toEqual(all)
      expect(yield* store.catalogue.images({ after: "example.org/bb:1" })).toEqual(all.slice(2))
      expect(yield* store.catalogue.images({ limit: 1 })).toEqual(all.slice(0, 1))
    })
  )
  it.effect("inspect shows the config as it was pulled, and the paths", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      const config = { ExposedPorts: { "80/tcp": {} }, Labels: { a: "b" } }
      yield* pullInto(store, { config, layers: ["a", "a"] })
      const image = Option.getOrThrow(yield* store.catalogue.inspect(alpine))
      expect(image.index?.annotations).toEqual({ version: "1" })
      expect(image.manifests).toHaveLength(1)
      expect(image.manifests[0]?.config.value).toMatchObject({ config, os: "linux", architecture: "amd64" })
      const path = store.trees.layerPath(layerOf("a").digest)
      expect(image.manifests[0]?.layers.map((layer) => layer.path)).toEqual([path, path])
      expect(image.manifests[0]?.complete).toBe(true)
      expect(Option.isNone(yield* store.catalogue.inspect("docker.io/library/none:1"))).toBe(true)
    })
  )
})
