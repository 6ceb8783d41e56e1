/** The records from which a lost catalogue is built again. */
import { createHash } from "node:crypto"
import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import { it } from "../../support/effect.ts"
import { directory, type Ingredients, imageOf, type OpenStore, open, publishLayers, pullInto } from "../fixtures.ts"

const reference = "e.org/app:1"
const old = { reference, layers: ["base", "old"], version: "old" }
const next = { reference, layers: ["base", "next"], version: "next" }

/** As a process that dies when the record is written and the rows are not. */
const recordHalf = Effect.fnUntraced(function* (store: OpenStore, ingredients: Ingredients) {
  const image = imageOf(ingredients)
  yield* publishLayers(store, image)
  yield* Effect.promise(() => mkdir(`${store.database}.tmp`))
  expect((yield* Effect.flip(store.catalogue.record(image)))._tag).toBe("FileSystemFailed")
  yield* Effect.promise(() => rmdir(`${store.database}.tmp`))
})
const listed = (store: OpenStore) =>
  Effect.map(store.catalogue.images(), (images) =>
    images.map(({ reference, digest, platforms }) => [reference, digest, platforms])
  )
const lost = Effect.fnUntraced(function* (root: string) {
  yield* Effect.promise(() => rm(join(root, "oci.db")))
  return yield* open({ root })
})
const records = async (root: string) =>
  (await readdir(join(root, "references"), { recursive: true })).filter((name) => name.includes("/"))

describe("a process that dies between the record of a moved tag and its rows", () => {
  it.effect("costs nothing that is listed: after prune, too, the rebuilt catalogue lists the same", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      yield* pullInto(store, old)
      yield* pullInto(store, { ...old, architecture: "arm64" })
      const before = yield* listed(store)
      expect(before).toEqual([[reference, imageOf(old).digest, ["linux/amd64", "linux/arm64"]]])
      yield* recordHalf(store, next)
      expect(yield* listed(store)).toEqual(before)
      yield* store.upkeep.prune()
      const again = yield* lost(root)
      expect(yield* listed(again)).toEqual(before)
      expect(yield* again.upkeep.verify).toEqual([])
      expect(yield* Effect.promise(() => records(root))).toHaveLength(2)
    })
  )
  it.effect("and a catalogue that is lost before anything is pruned: what was recorded last is listed, whole", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      yield* pullInto(store, old)
      yield* recordHalf(store, next)
      const again = yield* lost(root)
      expect(yield* listed(again)).toEqual([[reference, imageOf(next).digest, ["linux/amd64"]]])
      expect(yield* again.upkeep.verify).toEqual([])
    })
  )
  it.effect("another index of the same manifest is another record", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      yield* pullInto(store, { ...old, indexed: false })
      const before = yield* listed(store)
      yield* recordHalf(store, old)
      yield* store.upkeep.prune()
      expect(yield* listed(yield* lost(root))).toEqual(before)
    })
  )
  it.effect("in another form: the trees that were taken since are not missed", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      yield* pullInto(store, old)
      yield* recordHalf(yield* open({ root, variant: "chown" }), old)
      yield* store.upkeep.prune()
      const again = yield* lost(root)
      expect(yield* listed(again)).toEqual([[reference, imageOf(old).digest, ["linux/amd64"]]])
      expect(yield* again.upkeep.verify).toEqual([])
    })
  )
})

describe("records", () => {
  it.effect("of a tag that moved are gone when the rows are on disk", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      for (const image of [old, next]) yield* pullInto(store, image)
      expect(yield* Effect.promise(() => records(root))).toHaveLength(1)
    })
  )
  it.effect("of an earlier version are read, kept and renamed", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      yield* pullInto(store, old)
      const [name = ""] = yield* Effect.promise(() => records(root))
      const path = join(root, "references", name)
      const before = createHash("sha256").update("linux/amd64").digest("hex")
      yield* Effect.promise(async () => {
        const { trees: _, recorded: __, ...entry } = JSON.parse(await readFile(path, "utf8"))
        await writeFile(path, JSON.stringify(entry))
        await rename(path, join(path, "..", `${before}.json`))
      })
      expect(yield* listed(yield* lost(root))).toHaveLength(1)
      const again = yield* open({ root })
      yield* again.upkeep.prune()
      expect(yield* Effect.promise(() => records(root))).toEqual([name])
      expect(yield* listed(yield* lost(root))).toEqual([[reference, imageOf(old).digest, ["linux/amd64"]]])
    })
  )
})
