import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { describe, expect } from "vitest"
import { SqlError } from "../../../src/store/database/Sql.ts"
import { openSqlJs } from "../../../src/store/database/SqlJs.ts"
import { it } from "../../support/effect.ts"

const opened = Effect.gen(function* () {
  const { client: sql } = yield* openSqlJs()
  yield* sql.unsafe("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
  return { sql, names: sql<{ name: string }>`SELECT name FROM t ORDER BY id` }
})

describe("a statement", () => {
  it.effect("takes values as parameters, whatever they hold, and fragments as its parts", () =>
    Effect.gen(function* () {
      const { sql } = yield* opened
      const name = `'; DROP TABLE t; --"`
      yield* sql`INSERT INTO ${sql("t")} ${sql.insert({ id: 7, name })}`
      const only = sql`WHERE name = ${name} ${sql`AND id > ${6}`}`
      expect(yield* sql`SELECT id, ${"x"} AS x, name FROM t ${only} LIMIT ${1}`).toEqual([{ id: 7, x: "x", name }])
      expect(yield* sql`SELECT count(*) AS n FROM t ${sql``}`).toEqual([{ n: 1 }])
    })
  )

  it.effect("runs each time that it is yielded, and never as a part", () =>
    Effect.gen(function* () {
      const { sql, names } = yield* opened
      const insert = sql`INSERT INTO t ${sql.insert({ name: "a" })}`
      yield* insert
      yield* insert
      yield* sql`EXPLAIN ${insert}`
      expect(yield* names).toEqual([{ name: "a" }, { name: "a" }])
    })
  )

  it.effect("that is wrong fails with what SQLite says", () =>
    Effect.gen(function* () {
      const { sql } = yield* opened
      const error = yield* Effect.flip(sql`SELECT * FROM ${sql('no "such" table')}`)
      expect(error).toBeInstanceOf(SqlError)
      expect(error.message).toBe('no such table: no "such" table')
    })
  )
})

describe("a transaction", () => {
  it.effect("leaves all of it, or none of it if it fails, dies or is interrupted", () =>
    Effect.gen(function* () {
      const { sql, names } = yield* opened
      const entered = (name: string) => sql`INSERT INTO t ${sql.insert({ name })}`
      yield* sql.withTransaction(Effect.andThen(entered("a"), entered("b")))
      for (const end of [Effect.fail("no"), Effect.die("no"), Effect.interrupt]) {
        const exit = yield* Effect.exit(sql.withTransaction(Effect.andThen(entered("c"), end)))
        expect(Exit.isFailure(exit)).toBe(true)
        expect(yield* names).toEqual([{ name: "a" }, { name: "b" }])
      }
    })
  )

  it.effect("that SQLite itself has rolled back fails with its own error", () =>
    Effect.gen(function* () {
      const { sql, names } = yield* opened
      const twice = Effect.andThen(
        sql`INSERT INTO t ${sql.insert({ id: 1, name: "a" })}`,
        sql`INSERT OR ROLLBACK INTO t ${sql.insert({ id: 1, name: "b" })}`
      )
      expect((yield* Effect.flip(sql.withTransaction(twice))).message).toContain("UNIQUE")
      expect(yield* names).toEqual([])
    })
  )
})
