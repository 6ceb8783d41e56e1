/**
 * A database's schema. A view, a trigger or an expression that someone else put there would run within our statements,
 * and sql.js cannot stop a statement (it is built without SQLite's progress handler). So a database is queried only if
 * its schema is the catalogue's to the letter.
 */
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { migrateTo, table } from "./migrations.ts"
import { openSqlJs } from "./SqlJs.ts"

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

/** The schema that the catalogue had at a version. */
const schemaAt = Effect.fnUntraced(function* (version: number) {
  const { client, close } = yield* openSqlJs()
  return yield* Effect.andThen(migrateTo(version), readSchema).pipe(
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
      name === table &&
      sql !== null &&
      /^CREATE TABLE "?\w+"?\s*\(/.test(sql) &&
      !/\b(?:as|check|collate|generated|references)\b/i.test(sql)
  )
