/**
 * What a database consists of, as its schema says. A view, a trigger or an expression of a stranger's would run within a
 * statement of ours, and sql.js has no way to stop a statement (it leaves out SQLite's progress handler): so only a schema
 * that is the catalogue's to the letter is asked anything.
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

/** The table that says the version may be read, whatever else there is: it is a table, and computes nothing. */
export const saysVersion = (objects: ReadonlyArray<SchemaObject>): boolean =>
  objects.some(
    ({ type, name, sql }) =>
      type === "table" &&
      name === table &&
      sql !== null &&
      /^CREATE TABLE "?\w+"?\s*\(/.test(sql) &&
      !/\b(?:as|check|collate|generated|references)\b/i.test(sql)
  )
