/** Whether a database file, wherever it comes from, is a usable catalogue. */
import * as Effect from "effect/Effect"
import { CatalogueTooNew } from "../../api/errors.ts"
import { isDigest } from "../../image/reference/Digest.ts"
import { isForm } from "../trees/TreePaths.ts"
import { SqlClient } from "./Sql.ts"
import { isSchemaAt, readSchema, saysVersion } from "./schema/schema.ts"
import { migrationsTable, supported, version } from "./schema/version.ts"

/** A database without our tables is somebody else's file, or a zeroed one. */
const foreign = "not a catalogue"

const verdict = Effect.fnUntraced(function* (check: string) {
  const sql = yield* SqlClient
  const rows = yield* sql.unsafe<{ quick_check: string }>(`PRAGMA quick_check(${check})`)
  const said = rows[0]?.quick_check ?? "no answer"
  return said === "ok" ? undefined : said
})

/** They become the names of files. */
const digests = Effect.flatMap(SqlClient, (sql) =>
  sql.unsafe<{ digest: unknown }>(`
    SELECT digest FROM images UNION SELECT digest FROM indexes UNION SELECT digest FROM manifests
    UNION SELECT digest FROM configs UNION SELECT digest FROM layers UNION SELECT diff_id FROM layers WHERE diff_id <> ''`)
)

/** The same, since version 3. */
const layerDigests = Effect.flatMap(SqlClient, (sql) =>
  sql.unsafe<{ digest: unknown }>(`
    SELECT diff_id AS digest FROM manifest_layers WHERE diff_id <> ''
    UNION SELECT tree FROM manifest_layers WHERE tree IS NOT NULL`)
)

/** Columns that are read as JSON or as times. */
const unreadable = Effect.flatMap(SqlClient, (sql) =>
  sql.unsafe(`
    SELECT 1 FROM images WHERE julianday(last_used_at) IS NULL OR julianday(modified_at) IS NULL OR created_at IS NULL
    UNION ALL SELECT 1 FROM indexes WHERE NOT json_valid(ifnull(annotations_json, '{}'))
    UNION ALL SELECT 1 FROM manifests
      WHERE NOT json_valid(ifnull(annotations_json, '{}')) OR NOT json_valid(requested_json)
    UNION ALL SELECT 1 FROM configs WHERE NOT json_valid(config_json)
    LIMIT 1`)
)

/** They become parts of the names of files. */
const forms = Effect.flatMap(SqlClient, (sql) =>
  sql.unsafe<{ kind: unknown; variant: unknown }>("SELECT DISTINCT kind, variant FROM manifest_trees")
)

const knownVersion = Effect.fnUntraced(function* (path: string) {
  const found = yield* version
  return found > supported ? yield* new CatalogueTooNew({ path, found, supported }) : found
})

/** The same for a database that was found sound before: it may still be from a newer version. */
export const checkVersion = (path: string) =>
  Effect.map(knownVersion(path), (found) => (found < 1 ? foreign : undefined))

/**
 * What is wrong with the database; `undefined` if it is a catalogue. The order matters: each step reads only what
 * earlier steps have shown to end. Takes a second with 10 000 images.
 */
export const validateDatabase = Effect.fnUntraced(function* (path: string) {
  const objects = yield* readSchema
  if (!saysVersion(objects)) return foreign
  const broken = yield* verdict(migrationsTable)
  if (broken !== undefined) return broken
  const found = yield* knownVersion(path)
  if (found < 1) return foreign
  if (!(yield* isSchemaAt(objects, found))) return "its schema is not the catalogue's"
  const damage = yield* verdict("1")
  if (damage !== undefined) return damage
  const named = [...(yield* digests), ...(found >= 3 ? yield* layerDigests : [])]
  const wrong = named.find(({ digest }) => typeof digest !== "string" || !isDigest(digest))
  if (wrong !== undefined) return "a digest is malformed"
  if (found >= 2 && !(yield* forms).every(isForm)) return "a tree has an unknown form"
  return (yield* unreadable).length > 0 ? "a row cannot be read" : undefined
})
