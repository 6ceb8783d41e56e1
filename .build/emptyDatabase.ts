/**
 * Writes src/store/database/schema/emptyDatabase.ts. To be run after a new step of the catalogue's schema; a test tells where it was
 * forgotten.
 */
import { writeFile } from "node:fs/promises"
import { brotliCompressSync, constants } from "node:zlib"
import * as Effect from "effect/Effect"
import { SqlClient } from "../src/store/database/Sql.ts"
import { openSqlJs } from "../src/store/database/SqlJs.ts"
import { migrateTo } from "../src/store/database/schema/migrations.ts"
import { migrationsTable, supported } from "../src/store/database/schema/version.ts"

const made = Effect.gen(function* () {
  const { client: sql, ...database } = yield* openSqlJs()
  yield* Effect.provideService(migrateTo(supported), SqlClient, sql)
  // The same steps, the same bytes.
  yield* sql`UPDATE ${sql(migrationsTable)} SET created_at = '1970-01-01 00:00:00'`
  yield* sql`VACUUM`
  return database.export()
})
const bytes = await Effect.runPromise(made)
const text = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }).toString(
  "base64"
)
const lines = text.match(/.{1,124}/g) ?? []
await writeFile(
  new URL("../src/store/database/schema/emptyDatabase.ts", import.meta.url),
  `/**
 * A database of the newest schema without a row, made by \`npx tsx .build/emptyDatabase.ts\`. To make it anew in each process, step by
 * step, takes a tenth of a second.
 */
import { promisify } from "node:util"
import { brotliDecompress } from "node:zlib"
import * as Effect from "effect/Effect"

const compressed =
  ${lines.map((line) => JSON.stringify(line)).join(" +\n  ")}

export const emptyDatabase: Effect.Effect<Uint8Array> = Effect.promise(() =>
  promisify(brotliDecompress)(Buffer.from(compressed, "base64"))
)
`
)
