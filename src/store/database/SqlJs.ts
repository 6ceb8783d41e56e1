/** A sql.js database, which lives in memory, behind `SqlClient`. Statements are synchronous and short. */

import { open, readFile } from "node:fs/promises"
import { types } from "node:util"
import * as Effect from "effect/Effect"
import type { Database, SqlJsStatic, SqlValue } from "sql.js"
import { codeOf } from "../../api/codeOf.ts"
import { assetMissing, sqliteWasm } from "../../assets.ts"
import { loadModule } from "../../fs/loadModule.ts"
import { optimizeLate } from "../../seams/v8/optimizeLate.ts"
import { webAssembly } from "../../seams/webAssembly.ts"
import { makeSql, type Sql, sqlError } from "./Sql.ts"

export interface SqlJs {
  readonly client: Sql
  /** The file's bytes. Only outside a transaction. */
  readonly export: () => Uint8Array
  readonly close: () => void
}

let engine: Promise<SqlJsStatic> | undefined

/** A failure is not cached: what was missing, such as a descriptor, may be there the next time. */
const load = (): Promise<SqlJsStatic> => {
  engine ??= compile().catch(async (error) => {
    engine = undefined
    // Node's loader reports a file that it cannot open as missing. If descriptors have run out, this says so.
    await (await open(process.execPath)).close()
    throw error
  })
  return engine
}

const readWasm = async () => {
  const file = sqliteWasm()
  try {
    return await readFile(file)
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error
    throw Object.assign(new Error(assetMissing("wasm", file)), { code: "MODULE_NOT_FOUND" })
  }
}

/**
 * Loads the engine, once, at the first use of any catalogue. sql.js would read the WebAssembly with synchronous calls. It is
 * compiled here by a synchronous call, some 5 ms: after an awaited compilation of a process that has nothing else to do, Node waits 0.1 s for
 * V8's threads.
 */
const compile = async (): Promise<SqlJsStatic> => {
  const { initSqlJs } = await import("./engine.ts")
  const bytes = await readWasm()
  const module = optimizeLate(() => new webAssembly.Module(bytes))
  return initSqlJs({
    instantiateWasm: (imports, done) => {
      const instance = new webAssembly.Instance(module, imports)
      done(instance)
      return instance.exports
    }
  })
}

const isSqlValue = (value: unknown): value is SqlValue =>
  value === null || typeof value === "string" || typeof value === "number" || types.isUint8Array(value)

/** Characters from which on a text is bound as bytes. */
export const longText = 16_384
const isBytes = (value: unknown): value is string | Uint8Array =>
  types.isUint8Array(value) || (typeof value === "string" && value.length >= longText)

/**
 * sql.js writes a text into its memory character by character: 4 MiB keep the event loop for 100 ms. Bytes are written at
 * once, and SQLite takes them for the text that they are: no table has blobs. Our statements have no question mark but for a
 * parameter.
 */
export const longTextsAsBytes = (sql: string, params: ReadonlyArray<unknown>) => {
  if (!params.some(isBytes)) return { sql, params }
  let at = 0
  return {
    sql: sql.replaceAll("?", () => (isBytes(params[at++]) ? "CAST(? AS TEXT)" : "?")),
    params: params.map((value) => (typeof value === "string" && isBytes(value) ? Buffer.from(value) : value))
  }
}

const running =
  (database: Database) =>
  (text: string, values: ReadonlyArray<unknown>): ReadonlyArray<object> => {
    const { sql, params } = longTextsAsBytes(text, values)
    const statement = database.prepare(sql)
    try {
      statement.bind(params.map((value) => (isSqlValue(value) ? value : String(value))))
      const rows: Array<object> = []
      while (statement.step()) rows.push(statement.getAsObject())
      return rows
    } finally {
      statement.free()
    }
  }

/** Opens a database file's bytes or, without any, an empty database. */
export const openSqlJs = Effect.fnUntraced(function* (bytes?: Uint8Array) {
  const { Database } = yield* loadModule("the database engine", load)
  const database = yield* Effect.try({
    try: () => new Database(bytes ?? null),
    catch: sqlError
  })
  const client = makeSql(running(database))
  yield* client`PRAGMA foreign_keys = ON`
  const opened: SqlJs = { client, export: () => database.export(), close: () => database.close() }
  return opened
})
