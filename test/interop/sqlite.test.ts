/** The catalogue as the sqlite3 program sees it, while several processes write. */
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import { promisify } from "node:util"
import * as Effect from "effect/Effect"
import { expect } from "vitest"
import { directory, imageOf, layerOf, open, pullInto } from "../store/fixtures.ts"
import { start } from "../store/process.ts"
import { it } from "../support/effect.ts"

const sqlite3 = (database: string, query: string) =>
  Effect.promise(async () => (await promisify(execFile)("sqlite3", [database, query])).stdout.trim())

it.live(
  "sqlite3 finds the file whole at every moment, with every row at the end",
  () =>
    Effect.gen(function* () {
      const [root, writers, count] = [yield* directory, 8, 10]
      const store = yield* open({ root })
      yield* pullInto(store, { reference: "example.org/first:1" })
      const children = yield* Effect.forEach(
        Array.from({ length: writers }, (_, i) => `w${i}`),
        (name) => start("recordImages.ts", root, name, `${count}`)
      )
      let busy = true
      const ended = Promise.all(children.map((child) => child.ended)).finally(() => {
        busy = false
      })
      while (busy) expect(yield* sqlite3(store.database, "PRAGMA integrity_check; PRAGMA foreign_key_check")).toBe("ok")
      expect(yield* Effect.promise(() => ended)).toEqual(children.map(() => 0))
      const total = writers * count + 1
      expect(yield* sqlite3(store.database, "SELECT count(*) FROM images")).toBe(`${total}`)
      expect(yield* sqlite3(store.database, "SELECT count(*) FROM manifests")).toBe(`${total}`)
    }),
  120_000
)

it.live("a query gives an image's layers in order, repeats included", () =>
  Effect.gen(function* () {
    const store = yield* open({ root: yield* directory })
    yield* pullInto(store, { layers: ["b", "a", "b"], config: { Labels: { maker: "us" } } })
    const query = `SELECT l.digest FROM manifest_layers ml JOIN layers l ON l.id = ml.layer_id ORDER BY ml.position`
    const digests = ["b", "a", "b"].map((name) => layerOf(name).digest)
    expect((yield* sqlite3(store.database, query)).split("\n")).toEqual(digests)
    const label = "SELECT json_extract(config_json, '$.config.Labels.maker') FROM configs"
    expect(yield* sqlite3(store.database, label)).toBe("us")
  })
)

it.live("what sqlite3 changed meanwhile is seen, and kept by the next write", () =>
  Effect.gen(function* () {
    const store = yield* open({ root: yield* directory })
    yield* pullInto(store, { reference: "example.org/a:1" })
    yield* sqlite3(store.database, "UPDATE images SET reference = 'example.org/renamed:1'")
    expect((yield* store.catalogue.images()).map(({ reference }) => reference)).toEqual(["example.org/renamed:1"])
    yield* store.catalogue.record(imageOf({ reference: "example.org/b:1" }))
    expect(yield* sqlite3(store.database, "SELECT reference FROM images ORDER BY reference")).toBe(
      "example.org/b:1\nexample.org/renamed:1"
    )
  })
)

it.live("a transaction of sqlite3 sees the catalogue as it was when the transaction began", () =>
  Effect.gen(function* () {
    const store = yield* open({ root: yield* directory })
    for (const at of [1, 2]) yield* pullInto(store, { reference: `example.org/a:${at}`, version: `${at}` })
    const child = spawn("sqlite3", [store.database], { stdio: ["pipe", "pipe", "inherit"] })
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const ask = (text: string) => {
      child.stdin.write(`${text}\n`)
      return Effect.promise(async () => (await lines.next()).value)
    }
    expect(yield* ask("BEGIN; SELECT count(*) FROM images;")).toBe("2")
    for (const at of [3, 4, 5, 6]) {
      yield* pullInto(store, { reference: `example.org/a:${at}`, version: `${at}` })
      expect(yield* ask("SELECT count(*) FROM images;")).toBe("2")
      expect(yield* sqlite3(store.database, "SELECT count(*) FROM images")).toBe(`${at}`)
    }
    expect(yield* ask("PRAGMA integrity_check;")).toBe("ok")
    child.stdin.end()
    yield* Effect.promise(() => once(child, "close"))
  })
)

it.live("a file that sqlite3 left in WAL mode is not a loss", () =>
  Effect.gen(function* () {
    const root = yield* directory
    yield* Effect.scoped(Effect.flatMap(open({ root }), (store) => pullInto(store, { reference: "example.org/a:1" })))
    const store = yield* open({ root })
    expect(yield* sqlite3(store.database, "PRAGMA journal_mode = WAL")).toBe("wal")
    yield* pullInto(store, { reference: "example.org/b:1", version: "2" })
    expect((yield* store.catalogue.images()).map(({ reference }) => reference)).toEqual([
      "example.org/a:1",
      "example.org/b:1"
    ])
    expect(yield* sqlite3(store.database, "PRAGMA integrity_check")).toBe("ok")
  })
)
