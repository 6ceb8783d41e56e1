/** Which schema a database has. */
import * as Effect from "effect/Effect"
import { SqlClient } from "../Sql.ts"

/** Which steps were done. */
export const migrationsTable = "schema_migrations"

/** The names of all steps, in their order. */
export const steps = ["create_tables", "create_manifest_trees", "add_layer_trees"] as const

/** The newest schema this version knows. */
export const supported = steps.length

/** The schema version of the open database: 0 where it is empty. */
export const version = Effect.gen(function* () {
  const sql = yield* SqlClient
  const tables = yield* sql`SELECT name FROM sqlite_master WHERE type = 'table' AND name = ${migrationsTable}`
  if (tables.length === 0) return 0
  const rows = yield* sql<{ latest: number | null }>`SELECT max(migration_id) AS latest FROM ${sql(migrationsTable)}`
  return rows[0]?.latest ?? 0
})
