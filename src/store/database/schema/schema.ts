/**
 * A database's schema. A view, a trigger or an expression that someone else put there would run within our statements,
 * and sql.js cannot stop a statement (it is built without SQLite's progress handler). So a database is queried only if
 * its schema is the catalogue's to the letter.
 */
import * as Effect from "effect/Effect"
import { loadModule } from "../../../fs/loadModule.ts"
import type { Tree } from "../../trees/TreePaths.ts"
import { SqlClient } from "../Sql.ts"
import { openSqlJs } from "../SqlJs.ts"
import { emptyDatabase } from "./emptyDatabase.ts"
import { migrationsTable, supported } from "./version.ts"

interface SchemaObject {
  readonly type: string
  readonly name: string
  readonly tbl_name: string
  /** NULL of the indexes that SQLite makes by itself. */
  readonly sql: string | null
}

export const readSchema = Effect.flatMap(
  SqlClient,
  (sql) => sql<SchemaObject>`SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name`
)

/** White space may differ: the text of one table is a library's. */
const written = (objects: ReadonlyArray<SchemaObject>) =>
  JSON.stringify(objects.map(({ type, name, tbl_name, sql }) => [type, name, tbl_name, sql?.replaceAll(/\s+/g, " ")]))

/** Loads the steps, of which an up-to-date catalogue needs none. */
export const migrateTo = Effect.fnUntraced(function* (version: number, trees: ReadonlyArray<Tree> = []) {
  const migrations = yield* loadModule("the catalogue's migrations", () => import("./migrations.ts"))
  yield* migrations.migrateTo(version, trees)
})

/** The schema that the catalogue had at a version. */
const schemaAt = Effect.fnUntraced(function* (version: number) {
  const isNewest = version === supported
  const { client, close } = yield* openSqlJs(isNewest ? yield* emptyDatabase : undefined)
  return yield* Effect.andThen(isNewest ? Effect.void : migrateTo(version), readSchema).pipe(
    Effect.provideService(SqlClient, client),
    Effect.ensuring(Effect.sync(close))
  )
})

export const isSchemaAt = (objects: ReadonlyArray<SchemaObject>, version: number) =>
  Effect.map(schemaAt(version), (known) => written(known) === written(objects))

/** The version's table can be read in any database, because a plain table computes nothing. */
export const saysVersion = (objects: ReadonlyArray<SchemaObject>): boolean =>
  objects.some(
    ({ type, name, sql }) =>
      type === "table" &&
      name === migrationsTable &&
      sql !== null &&
      /^CREATE TABLE "?\w+"?\s*\(/.test(sql) &&
      !/\b(?:as|check|collate|generated|references)\b/i.test(sql)
  )
