import * as Effect from "effect/Effect"
import { describe, expect, test } from "vitest"
import { longText, longTextsAsBytes, openSqlJs } from "../../../src/store/database/SqlJs.ts"
import { it } from "../../support/effect.ts"

describe("a text", () => {
  it.live("comes back as it was, whatever its length and characters, and is a text to SQLite", () =>
    Effect.gen(function* () {
      const { client: sql, close } = yield* openSqlJs()
      yield* sql`CREATE TABLE t (id INTEGER NOT NULL, a TEXT NOT NULL, b TEXT, c TEXT NOT NULL) STRICT`
      const texts = [
        "",
        "é",
        "x".repeat(16_383),
        "x".repeat(16_384),
        "é€😀?".repeat(10_000),
        `{"a":"${" ".repeat(4_194_304)}"}`
      ]
      for (const [id, text] of texts.entries())
        yield* sql`INSERT INTO t ${sql.insert({ id, a: text, b: null, c: `short ${id}` })}`
      const rows = yield* sql<{ a: string; c: string; kind: string; letters: number }>`
        SELECT a, c, typeof(a) AS kind, length(a) AS letters FROM t ORDER BY id`
      expect(rows.map(({ a }) => a)).toEqual(texts)
      expect(rows.map(({ c }) => c)).toEqual(texts.map((_, id) => `short ${id}`))
      expect(rows.map(({ kind, letters }) => [kind, letters])).toEqual(texts.map((text) => ["text", [...text].length]))
      for (const text of texts)
        expect(yield* sql`SELECT id FROM t WHERE a = ${text} AND c LIKE ${"short%"}`).toHaveLength(1)
      expect(yield* sql`SELECT json_valid(a) AS valid FROM t WHERE id = 5`).toEqual([{ valid: 1 }])
      close()
    })
  )

  it.effect("that is given as bytes is the text they encode", () =>
    Effect.gen(function* () {
      const { client: sql, close } = yield* openSqlJs()
      yield* sql`CREATE TABLE t (id INTEGER, a TEXT, b TEXT)`
      const text = JSON.stringify({ label: "é, 字, 🚢" })
      yield* sql`INSERT INTO t ${sql.insert({ id: 1, a: Buffer.from(text), b: "other" })}`
      expect(yield* sql`SELECT a, b, typeof(a) AS kind, json_valid(a) AS valid FROM t`).toEqual([
        { a: text, b: "other", kind: "text", valid: 1 }
      ])
      expect(yield* sql`SELECT CAST(a AS BLOB) AS bytes FROM t`).toEqual([{ bytes: new Uint8Array(Buffer.from(text)) }])
      close()
    })
  )

  test("is handed over as bytes where it is long, and as it is where it is not", () => {
    const [short, long] = ["x".repeat(longText - 1), "x".repeat(longText)]
    const statement = "INSERT INTO t (a, b, c) VALUES (?, ?, ?)"
    const same = [short, 1, null]
    expect(longTextsAsBytes(statement, same)).toEqual({ sql: statement, params: same })
    expect(longTextsAsBytes(statement, [short, long, null])).toEqual({
      sql: "INSERT INTO t (a, b, c) VALUES (?, CAST(? AS TEXT), ?)",
      params: [short, Buffer.from(long), null]
    })
  })
})
