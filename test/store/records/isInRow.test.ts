/** Documents of more than 64 KiB are files, and not in a row. */
import { readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { describe, expect } from "vitest"
import { openSnapshot } from "../../../src/store/database/Snapshot.ts"
import { SqlClient } from "../../../src/store/database/Sql.ts"
import { it } from "../../support/effect.ts"
import { directory, type Ingredients, imageOf, open, pullInto } from "../fixtures.ts"

const amd64 = { os: "linux", architecture: "amd64" }
const reference = "e.org/large:1"

/** Its config has exactly so many bytes. */
const withConfig = (bytes: number): Ingredients => {
  const padded = (length: number) => ({ reference, config: { Env: ["A=1"], User: "x".repeat(length) } })
  return padded(bytes - imageOf(padded(0)).config.bytes.length)
}
/** So have its index and its manifest, or a few bytes more. */
const withAnnotations = (bytes: number): Ingredients => ({ reference, version: "v".repeat(bytes) })

const configRow = Effect.fnUntraced(function* (path: string) {
  const snapshot = yield* openSnapshot(path)
  const query = Effect.flatMap(
    SqlClient,
    (sql) => sql<{ config_json: string; config_user: string | null }>`SELECT config_json, config_user FROM configs`
  )
  const [row] = yield* Effect.provideService(query, SqlClient, snapshot.client)
  snapshot.close()
  if (row === undefined) throw new Error("no row")
  return row
})

const documentPath = (root: string, digest: string) => join(root, "documents", ...digest.split(":"))

describe("a large config", () => {
  for (const bytes of [65_536, 65_537, 4_000_000])
    it.effect(`of ${bytes} bytes is read back as it was`, () =>
      Effect.gen(function* () {
        const root = yield* directory
        const { config } = imageOf(withConfig(bytes))
        expect(config.bytes).toHaveLength(bytes)
        const store = yield* open({ root })
        yield* pullInto(store, withConfig(bytes))
        const again = yield* open({ root })
        const found = Option.getOrThrow(yield* again.catalogue.find(reference, amd64))
        expect(found.config).toMatchObject({ env: { A: "1" }, user: config.value.config?.User })
        const [details] = Option.getOrThrow(yield* again.catalogue.inspect(reference)).manifests
        expect(details?.config.value).toEqual(JSON.parse(Buffer.from(config.bytes).toString()))
        expect(details?.complete).toBe(true)
      })
    )
  it.effect("is in the row up to 65 536 bytes, and beyond that its file is all there is of it", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      yield* pullInto(store, withConfig(65_536))
      expect(yield* configRow(store.database)).toEqual({
        config_json: Buffer.from(imageOf(withConfig(65_536)).config.bytes).toString(),
        config_user: imageOf(withConfig(65_536)).config.value.config?.User
      })
      yield* pullInto(store, withConfig(65_537))
      expect(yield* configRow(store.database)).toEqual({ config_json: "{}", config_user: null })
      yield* pullInto(store, withConfig(4_000_000))
      expect((yield* Effect.promise(() => readFile(store.database))).length).toBeLessThan(400_000)
    })
  )
  it.effect("whose file was removed or changed is an image to be pulled again, and is not complete", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      yield* pullInto(store, withConfig(70_000))
      const file = documentPath(root, imageOf(withConfig(70_000)).config.digest)
      yield* Effect.promise(() => rm(file))
      expect(Option.isNone(yield* store.catalogue.find(reference, amd64))).toBe(true)
      const [details] = Option.getOrThrow(yield* store.catalogue.inspect(reference)).manifests
      expect(details).toMatchObject({ complete: false, layers: [{ diffId: imageOf().layers[0]?.diffId }] })
      expect(details?.config.value).toBeUndefined()
      expect(yield* store.upkeep.verify).toMatchObject([{ problem: "the document is missing, or was changed" }])
      yield* pullInto(store, withConfig(70_000))
      expect(Option.isSome(yield* store.catalogue.find(reference, amd64))).toBe(true)
      expect(yield* store.upkeep.verify).toEqual([])
    })
  )
  it.effect("is kept by prune, and found again without the catalogue", () =>
    Effect.gen(function* () {
      const root = yield* directory
      const store = yield* open({ root })
      yield* pullInto(store, withConfig(70_000))
      yield* store.upkeep.prune()
      yield* Effect.promise(() => rm(store.database))
      const again = yield* open({ root })
      const found = Option.getOrThrow(yield* again.catalogue.find(reference, amd64))
      expect(found.config.env).toEqual({ A: "1" })
    })
  )
})

describe("an index and a manifest of more than 64 KiB", () => {
  for (const bytes of [100, 65_000, 70_000, 3_000_000])
    it.effect(`with an annotation of ${bytes} bytes keep it`, () =>
      Effect.gen(function* () {
        const root = yield* directory
        const store = yield* open({ root })
        yield* pullInto(store, withAnnotations(bytes))
        const { index, manifests } = Option.getOrThrow(yield* store.catalogue.inspect(reference))
        const annotations = { version: "v".repeat(bytes) }
        expect(index?.annotations).toEqual(annotations)
        expect(manifests[0]?.annotations).toEqual(annotations)
        const isLarge = bytes > 65_536
        expect((yield* Effect.promise(() => readFile(store.database))).length < 150_000).toBe(isLarge || bytes === 100)
      })
    )
})
