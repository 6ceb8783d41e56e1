import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { basename, join } from "node:path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { describe, expect, test } from "vitest"
import { isDigest } from "../../../src/image/reference/Digest.ts"
import {
  isDiskImage,
  isForm,
  isPart,
  isPartOf,
  mergedIn,
  partVariant,
  readTreeName
} from "../../../src/store/trees/TreePaths.ts"
import { it } from "../../support/effect.ts"
import { directory, imageOf, layerOf, type OpenStore, open, publishLayers, pullInto } from "../fixtures.ts"

const amd64 = { os: "linux", architecture: "amd64" }
const alpine = "docker.io/library/alpine:3"
const { digest } = layerOf("a")
const names = (path: string) => Effect.promise(() => readdir(path).then((all) => all.filter((it) => it !== ".staging")))
const write = (path: string, text: string) => Effect.promise(() => writeFile(path, text))
const read = (path: string) => Effect.promise(() => readFile(path, "utf8").catch(() => "gone"))

/** Publishes one layer with a file beside it. */
const publishBoth = (store: OpenStore, text: string | undefined) =>
  Effect.gen(function* () {
    const staging = yield* store.staging.stage
    if (text !== undefined) yield* write(`${staging}.stat`, text)
    return yield* store.trees.publish(staging, store.trees.layerPath(digest))
  }).pipe(Effect.scoped)

describe("names", () => {
  test.each([
    ["sha256:ab.extracted", { digest: "sha256:ab", variant: "", kind: "extracted" }],
    ["sha256_ab.extracted", { digest: "sha256:ab", variant: "", kind: "extracted" }],
    ["sha256:ab.chown-overlay-user.extracted", { digest: "sha256:ab", variant: "chown-overlay-user" }],
    ["sha256+b64u:A-_=.rootfs", { digest: "sha256+b64u:A-_=", variant: "", kind: "rootfs" }]
  ])("%s is read", (name, expected) => {
    expect(readTreeName(name)).toMatchObject({ name, ...expected })
  })

  test.each([
    "sha256:ab",
    "sha256:ab.extracted.stat",
    "sha256:ab.x.y.extracted",
    ".staging",
    "notes.extracted",
    "a/b:c"
  ])("%s is somebody else's", (name) => {
    expect(readTreeName(name)).toBeUndefined()
  })
})

describe("the form of a tree", () => {
  const part = "abcdefghijklmnop".repeat(2)
  const rootfs = (variant: string) => ({ kind: "rootfs", variant }) as const

  test("is of a part where its variant ends in one, and of that of its own variant alone", () => {
    const variants = ["", "chown", "erofs"]
    for (const variant of variants) {
      const form = rootfs(partVariant(variant, part))
      expect(readTreeName(`sha256:ab.${form.variant}.rootfs`)).toMatchObject(form)
      expect(isPart(form)).toBe(true)
      expect(variants.filter((it) => isPartOf(form, it))).toEqual([variant])
      expect(isPart({ ...form, kind: "extracted" })).toBe(false)
    }
    for (const variant of [
      "",
      "chown",
      "part",
      `part-${part}a`,
      `part-${part.slice(1)}`,
      `apart-${part}`,
      `part-${part}-x`
    ]) {
      expect(isPart(rootfs(variant))).toBe(false)
      expect(variants.filter((it) => isPartOf(rootfs(variant), it))).toEqual([])
    }
  })

  test("is a disk image where its variant says so, of a part as well", () => {
    const tree = "/layers/tree"
    for (const variant of ["erofs", partVariant("erofs", part)]) {
      expect([isDiskImage(variant), mergedIn(tree, variant)]).toEqual([true, join(tree, "image.erofs")])
    }
    for (const variant of ["", "chown", "erofs-chown", "chown-erofs", `part-${part}`, `erofs-part-${part}a`])
      expect([isDiskImage(variant), mergedIn(tree, variant)]).toEqual([false, tree])
  })

  test("is known by its kind and its variant, whatever a file says", () => {
    for (const kind of ["extracted", "rootfs"])
      for (const variant of ["", "a", "chown-overlay-user"]) expect(isForm({ kind, variant })).toBe(true)
    for (const kind of ["", "erofs", "Rootfs", 7, undefined]) expect(isForm({ kind, variant: "" })).toBe(false)
    for (const variant of ["-a", "a1", "A", "a.b", "a/b", 7, undefined, null])
      expect(isForm({ kind: "rootfs", variant })).toBe(false)
  })
})

describe("the file beside a layer", () => {
  it.effect("gets its name with the layer, in place of one that was left there", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      const path = yield* publishBoth(store, "first")
      expect(yield* read(`${path}.stat`)).toBe("first")
      yield* Effect.promise(() => rm(path, { recursive: true }))
      yield* publishBoth(store, "second")
      expect(yield* read(`${path}.stat`)).toBe("second")
      yield* Effect.promise(() => rm(path, { recursive: true }))
      yield* publishBoth(store, undefined)
      expect(yield* read(`${path}.stat`)).toBe("gone")
    })
  )

  it.effect("of a layer that another published stays", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      const path = yield* publishBoth(store, "first")
      yield* Effect.promise(() => mkdir(join(path, "content")))
      yield* publishBoth(store, "second")
      expect(yield* read(`${path}.stat`)).toBe("first")
    })
  )

  it.effect("goes with a staging directory that is not published", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      const staging = yield* Effect.scoped(
        Effect.tap(store.staging.stage, (staging) => write(`${staging}.stat`, "never published"))
      )
      expect(yield* read(`${staging}.stat`)).toBe("gone")
    })
  )

  it.effect("stays while its layer is needed, and goes with it; one without a layer goes too", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory })
      const path = yield* publishBoth(store, "said")
      yield* pullInto(store, { layers: ["a"] })
      yield* write(`${store.trees.layerPath(layerOf("crashed").digest)}.stat`, "said of nothing")
      yield* write(join(store.layersDir, "notes.stat"), "somebody else's")
      yield* store.upkeep.prune()
      expect((yield* names(store.layersDir)).sort()).toEqual(["notes.stat", basename(path), `${basename(path)}.stat`])
      yield* store.upkeep.remove(alpine)
      expect(yield* names(store.layersDir)).toEqual(["notes.stat"])
    })
  )
})

describe("trees made with other options", () => {
  it.effect("are not served: each making has its own, in the same directory", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const [plain, chown] = [yield* open({ root }), yield* open({ root, variant: "chown" })]
      yield* pullInto(plain, { layers: ["a"] })
      expect(Option.isSome(yield* plain.catalogue.find(alpine, amd64))).toBe(true)
      expect(Option.isNone(yield* chown.catalogue.find(alpine, amd64))).toBe(true)
      yield* pullInto(chown, { layers: ["a"] })
      expect(Option.getOrThrow(yield* chown.catalogue.find(alpine, amd64)).layers[0]?.path).toBe(
        join(root, "layers", `${digest}.chown.extracted`)
      )
      expect((yield* names(join(root, "layers"))).sort()).toEqual([`${digest}.chown.extracted`, `${digest}.extracted`])
    })
  )

  it.effect("are kept, counted and removed with their image, by clients with other options", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const [plain, chown] = [yield* open({ root }), yield* open({ root, variant: "chown" })]
      yield* pullInto(chown, { layers: ["a"] })
      expect((yield* plain.upkeep.prune()).layers).toEqual([])
      expect((yield* plain.upkeep.usage).layers).toMatchObject({ count: 1 })
      expect(yield* plain.upkeep.verify).toEqual([])
      yield* plain.upkeep.remove(alpine)
      expect(yield* names(join(root, "layers"))).toEqual([])
    })
  )

  it.effect("are told apart if one of them lacks something, by clients with other options", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const [plain, chown] = [yield* open({ root }), yield* open({ root, variant: "chown" })]
      for (const store of [plain, chown]) yield* pullInto(store, { layers: ["base", "a"] })
      const lost = layerOf("a").digest
      yield* Effect.promise(() => rm(chown.trees.layerPath(lost), { recursive: true }))
      const problem = `of the trees made with other options, ${lost}.chown.extracted is missing`
      expect(yield* plain.upkeep.verify).toMatchObject([{ digest: lost, variant: "chown", problem }])
      const ours = { digest: lost, problem: "the layer's directory is missing" }
      expect(yield* chown.upkeep.verify).toMatchObject([ours])
      expect(yield* chown.upkeep.verify).not.toMatchObject([{ variant: "chown" }])
      yield* Effect.promise(() => rm(plain.trees.layerPath(lost), { recursive: true }))
      expect(yield* plain.upkeep.verify).toMatchObject([{ digest: lost, variant: "chown" }, ours])
      expect(yield* (yield* open({ root, merged: true })).upkeep.verify).toMatchObject([
        { variant: "" },
        { variant: "chown" }
      ])
    })
  )

  it.effect("of other images with the same layers are no fault", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const [plain, chown] = [yield* open({ root }), yield* open({ root, variant: "chown" })]
      yield* pullInto(plain, { reference: "e.org/a:1", layers: ["base", "a"], version: "a" })
      yield* pullInto(chown, { reference: "e.org/b:1", layers: ["base", "b"], version: "b" })
      expect(yield* plain.upkeep.verify).toEqual([])
      expect(yield* chown.upkeep.verify).toEqual([])
      yield* Effect.promise(() => rm(plain.trees.layerPath(layerOf("a").digest), { recursive: true }))
      expect(yield* plain.upkeep.verify).toMatchObject([{ reference: "e.org/a:1", digest: layerOf("a").digest }])
    })
  )

  it.effect("let a lost catalogue be built again, by clients with other options", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const chown = yield* open({ root, variant: "chown" })
      yield* pullInto(chown, { layers: ["a"] })
      yield* Effect.promise(() => rm(chown.database))
      const plain = yield* open({ root })
      expect(yield* plain.catalogue.images()).toMatchObject([{ reference: alpine }])
      expect(Option.isNone(yield* plain.catalogue.find(alpine, amd64))).toBe(true)
      expect(Option.isSome(yield* chown.catalogue.find(alpine, amd64))).toBe(true)
    })
  )
})

describe("merged", () => {
  const manifest = imageOf({ layers: ["a"] }).manifest.digest
  const publishRootfs = (store: OpenStore) =>
    Effect.gen(function* () {
      if (!isDigest(manifest)) return yield* Effect.die("not a digest")
      return yield* store.trees.publish(yield* store.staging.stage, store.trees.rootfsPath(manifest))
    }).pipe(Effect.scoped)

  it.effect("an image is complete when its one directory is there", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root, merged: true })
      yield* publishLayers(store, imageOf({ layers: ["a"] }))
      yield* store.catalogue.record(imageOf({ layers: ["a"] }))
      expect(Option.isNone(yield* store.catalogue.find(alpine, amd64))).toBe(true)
      const path = yield* publishRootfs(store)
      expect(path).toBe(join(root, "layers", `${manifest}.rootfs`))
      const found = Option.getOrThrow(yield* store.catalogue.find(alpine, amd64))
      expect(found).toMatchObject({ rootfs: path, layers: [{ digest, path }] })
      expect(Option.getOrThrow(yield* store.catalogue.inspect(alpine)).manifests).toMatchObject([
        { rootfs: path, complete: true }
      ])
      yield* store.upkeep.prune()
      expect(Option.isSome(yield* store.catalogue.find(alpine, amd64))).toBe(true)
      yield* store.upkeep.remove(alpine)
      expect(yield* names(join(root, "layers"))).toEqual([])
    })
  )

  it.effect("so is an image without layers", () =>
    Effect.gen(function* () {
      const store = yield* open({ root: yield* directory, merged: true })
      yield* store.catalogue.record(imageOf({ layers: [] }))
      expect(Option.isNone(yield* store.catalogue.find(alpine, amd64))).toBe(true)
    })
  )
})
