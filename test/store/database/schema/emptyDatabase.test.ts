import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import { SqlClient } from "../../../../src/store/database/Sql.ts"
import { openSqlJs } from "../../../../src/store/database/SqlJs.ts"
import { emptyDatabase } from "../../../../src/store/database/schema/emptyDatabase.ts"
import { migrateTo, readSchema } from "../../../../src/store/database/schema/schema.ts"
import { migrationsTable, supported, version } from "../../../../src/store/database/schema/version.ts"
import { it } from "../../../support/effect.ts"

/** All that a database says of itself. */
const told = Effect.gen(function* () {
  const sql = yield* SqlClient
  const steps = yield* sql`SELECT migration_id, name FROM ${sql(migrationsTable)} ORDER BY migration_id`
  const objects = (yield* readSchema).map((it) => ({ ...it, sql: it.sql?.replaceAll(/\s+/g, " ") }))
  return { steps, objects, version: yield* version }
})

describe("a new catalogue", () => {
  it.effect("is what all steps lead to; if not: npx tsx .build/emptyDatabase.ts", () =>
    Effect.gen(function* () {
      const [atOnce, byStep] = [yield* openSqlJs(yield* emptyDatabase), yield* openSqlJs()]
      yield* Effect.provideService(migrateTo(supported), SqlClient, byStep.client)
      const [mine, theirs] = [atOnce, byStep].map(({ client }) => Effect.provideService(told, SqlClient, client))
      const found = yield* mine ?? Effect.die("none")
      expect(found).toEqual(yield* theirs ?? Effect.die("none"))
      expect(found.version).toBe(supported)
      expect(found.objects.length).toBeGreaterThan(10)
      for (const { close } of [atOnce, byStep]) close()
    })
  )
  it.effect("of an earlier version has the steps up to it", () =>
    Effect.gen(function* () {
      const database = yield* openSqlJs()
      yield* Effect.provideService(migrateTo(1), SqlClient, database.client)
      expect(yield* Effect.provideService(version, SqlClient, database.client)).toBe(1)
      database.close()
    })
  )
})
