/**
 * The schema of the catalogue, step by step; a step that was released is never edited. Sizes are bytes, times ISO 8601
 * in UTC, `*_json` columns JSON or NULL, never the text "null". After a new step, `npx tsx .build/emptyDatabase.ts`.
 */
import * as Effect from "effect/Effect"
import type { Tree } from "../../trees/TreePaths.ts"
import { likelyForms } from "../../trees/treeForms.ts"
import { SqlClient } from "../Sql.ts"
import { version as currentVersion, migrationsTable, steps } from "./version.ts"

const tables = [
  // What a reference names now. `digest` is the index's, or the manifest's where there is no index.
  `CREATE TABLE images (
    id INTEGER PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, -- of all manifests, configs and layers, each digest once
    last_used_at DATETIME,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    modified_at DATETIME DEFAULT CURRENT_TIMESTAMP
  )`,
  `CREATE INDEX idx_images_digest ON images(digest)`,
  // An index has no platform of its own: the platform columns, known from older readers, stay NULL.
  `CREATE TABLE indexes (
    id INTEGER PRIMARY KEY,
    image_id INTEGER NOT NULL,
    digest TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    platform_os TEXT, platform_arch TEXT, platform_variant TEXT,
    annotations_json TEXT,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    modified_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (image_id, digest),
    FOREIGN KEY (image_id) REFERENCES images(id) ON DELETE CASCADE
  )`,
  // One for each platform of an image that was pulled. `requested_json`: the platforms that were asked for and led here.
  `CREATE TABLE manifests (
    id INTEGER PRIMARY KEY,
    index_id INTEGER,
    image_id INTEGER NOT NULL,
    digest TEXT NOT NULL,
    schema_version INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    platform_os TEXT NOT NULL, platform_arch TEXT NOT NULL, platform_variant TEXT,
    requested_json TEXT NOT NULL,
    annotations_json TEXT,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    modified_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (index_id) REFERENCES indexes(id) ON DELETE CASCADE,
    FOREIGN KEY (image_id) REFERENCES images(id) ON DELETE CASCADE
  )`,
  `CREATE UNIQUE INDEX idx_manifests_platform
    ON manifests(image_id, platform_os, platform_arch, ifnull(platform_variant, ''))`,
  `CREATE INDEX idx_manifests_index_id ON manifests(index_id)`,
  `CREATE INDEX idx_manifests_digest ON manifests(digest)`,
  `CREATE TABLE configs (
    id INTEGER PRIMARY KEY,
    manifest_id INTEGER NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    created DATETIME, architecture TEXT, os TEXT, os_variant TEXT,
    config_env_json TEXT, config_cmd_json TEXT, config_working_dir TEXT,
    config_entrypoint_json TEXT, config_volumes_json TEXT,
    config_exposed_ports_json TEXT, config_user TEXT,
    rootfs_type TEXT, rootfs_diff_ids_json TEXT,
    history_json TEXT,
    config_json TEXT NOT NULL, -- the whole document, as it was pulled
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    modified_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (manifest_id) REFERENCES manifests(id) ON DELETE CASCADE
  )`,
  `CREATE TABLE layers (
    id INTEGER PRIMARY KEY,
    media_type TEXT NOT NULL,
    digest TEXT NOT NULL UNIQUE, -- of the blob
    diff_id TEXT NOT NULL, -- of the uncompressed archive
    size_bytes INTEGER NOT NULL,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    modified_at DATETIME DEFAULT CURRENT_TIMESTAMP
  )`,
  `CREATE INDEX idx_layers_diff_id ON layers(diff_id)`,
  // Position 0 is the lowest layer; a layer may stand at several positions of one manifest.
  `CREATE TABLE manifest_layers (
    id INTEGER PRIMARY KEY,
    manifest_id INTEGER NOT NULL,
    layer_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    modified_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (manifest_id) REFERENCES manifests(id) ON DELETE CASCADE,
    FOREIGN KEY (layer_id) REFERENCES layers(id) ON DELETE CASCADE,
    UNIQUE (manifest_id, position)
  )`,
  `CREATE INDEX idx_manifest_layers_layer_id ON manifest_layers(layer_id)`
]

const createTables = Effect.gen(function* () {
  const sql = yield* SqlClient
  for (const statement of tables) yield* sql.unsafe(statement)
})

const treeTable = `CREATE TABLE manifest_trees (
  id INTEGER PRIMARY KEY,
  manifest_id INTEGER NOT NULL,
  kind TEXT NOT NULL, -- extracted: a directory for each layer; rootfs: one for all of them
  variant TEXT NOT NULL, -- the options that they were made with, as their names say; '' for the default ones
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
  modified_at DATETIME DEFAULT CURRENT_TIMESTAMP,
  FOREIGN KEY (manifest_id) REFERENCES manifests(id) ON DELETE CASCADE,
  UNIQUE (manifest_id, kind, variant)
)`

/** Earlier versions did not record the forms of an image's trees. This step takes them, once, from the trees on disk. */
const createTrees = (trees: ReadonlyArray<Tree>) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient
    yield* sql.unsafe(treeTable)
    const rows = yield* sql<{ id: number; digest: string; layer: string | null }>`
      SELECT m.id, m.digest, l.digest AS layer FROM manifests m
      LEFT JOIN manifest_layers ml ON ml.manifest_id = m.id LEFT JOIN layers l ON l.id = ml.layer_id`
    const manifests = new Map<
      number,
      { readonly digest: string; readonly layers: Array<{ readonly digest: string }> }
    >()
    for (const { id, digest, layer } of rows) {
      const known = manifests.get(id) ?? { digest, layers: [] }
      manifests.set(id, known)
      if (layer !== null) known.layers.push({ digest: layer })
    }
    const formsOf = likelyForms(trees)
    for (const [manifest_id, { digest, layers }] of manifests)
      for (const { kind, variant } of formsOf(digest, layers))
        yield* sql`INSERT INTO manifest_trees ${sql.insert({ manifest_id, kind, variant })}`
  })

/**
 * What the config of an image says of its layers: a layer's row has what its blob was proven to be, which needs no reading where
 * another blob's tree has its files.
 */
const addLayerTrees = Effect.gen(function* () {
  const sql = yield* SqlClient
  // Of the uncompressed archive, as the config says; '' where an older version entered a part of an image.
  yield* sql.unsafe(`ALTER TABLE manifest_layers ADD COLUMN diff_id TEXT NOT NULL DEFAULT ''`)
  // The blob whose tree was there in place of the layer's own, with the same diffID; the layer itself if a table of contents proved its
  // tree; NULL for none.
  yield* sql.unsafe(`ALTER TABLE manifest_layers ADD COLUMN tree TEXT`)
  yield* sql`UPDATE manifest_layers SET diff_id = (SELECT diff_id FROM layers WHERE layers.id = layer_id)`
})

/** The text of the table is that of effect's migrator, which made the first catalogues. */
const stepsTable = `CREATE TABLE IF NOT EXISTS "${migrationsTable}" (
  migration_id integer PRIMARY KEY NOT NULL,
  created_at datetime NOT NULL DEFAULT current_timestamp,
  name VARCHAR(255) NOT NULL
)`

/** Runs the first steps, as many as this, that were not done yet: all of them, or none. `trees`: those on disk. */
export const migrateTo = Effect.fnUntraced(function* (version: number, trees: ReadonlyArray<Tree> = []) {
  const work = [createTables, createTrees(trees), addLayerTrees]
  const sql = yield* SqlClient
  yield* sql.unsafe(stepsTable)
  const done = yield* currentVersion
  const rest = Effect.forEach(
    work.slice(done, version),
    (step, at) =>
      Effect.andThen(
        sql`INSERT INTO ${sql(migrationsTable)} ${sql.insert({ migration_id: done + at + 1, name: steps[done + at] })}`,
        step
      ),
    { discard: true }
  )
  yield* sql.withTransaction(rest)
})
