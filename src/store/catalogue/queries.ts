/** The queries of the catalogue's tables, with the types of their rows. */

import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { SqlClient } from "effect/sql/SqlClient"
import * as SqlSchema from "effect/sql/SqlSchema"
import type { ListOptions } from "../../api/config.ts"
import { readDocument } from "../records/DocumentFiles.ts"
import { isInRow } from "../records/isInRow.ts"
import type { NamedLayer } from "../reuse/findTree.ts"

/** Milliseconds. `last_used_at` is renewed when it is older, so that repeated use does not rewrite the file. */
export const freshness = 60_000

const Annotations = Schema.NullOr(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))

const ImageRow = Schema.Struct({
  id: Schema.Number,
  reference: Schema.String,
  digest: Schema.String,
  size_bytes: Schema.Number,
  created_at: Schema.String,
  modified_at: Schema.String,
  last_used_at: Schema.String
})
export type ImageRow = typeof ImageRow.Type

const ManifestRow = Schema.Struct({
  id: Schema.Number,
  image_id: Schema.Number,
  digest: Schema.String,
  media_type: Schema.String,
  size_bytes: Schema.Number,
  platform_os: Schema.String,
  platform_arch: Schema.String,
  platform_variant: Schema.NullOr(Schema.String),
  requested_json: Schema.fromJsonString(Schema.Array(Schema.String)),
  annotations_json: Annotations,
  config_digest: Schema.String,
  config_media_type: Schema.String,
  config_size_bytes: Schema.Number,
  created: Schema.NullOr(Schema.String)
})
export type ManifestRow = typeof ManifestRow.Type

/** In place of the diffID of a layer that was pulled only for parts of images, which need not read it. */
export const unproven = ""

const LayerRow = Schema.Struct({
  digest: Schema.String,
  /** What its blob was proven to have. */
  diff_id: Schema.String,
  /** What the image's config says; empty where an older version entered a part of an image. */
  named: Schema.String,
  /** The blob whose tree was there in place of its own. */
  tree: Schema.NullOr(Schema.String),
  media_type: Schema.String,
  size_bytes: Schema.Number
})
export type LayerRow = typeof LayerRow.Type

/** `diffId`: as the image's config says. */
export const namedLayer = ({ digest, diff_id, named, tree }: LayerRow, diffId = named): NamedLayer => ({
  digest,
  diffId,
  isProven: diff_id !== unproven && diff_id === diffId,
  tree
})

/** One image by its reference, or all of them. */
export const imageRows = SqlSchema.findAll({
  Request: Schema.UndefinedOr(Schema.String),
  Result: ImageRow,
  execute: Effect.fnUntraced(function* (reference) {
    const sql = yield* SqlClient
    const only = reference === undefined ? sql`` : sql`WHERE reference = ${reference}`
    return yield* sql`SELECT * FROM images ${only} ORDER BY reference`
  })
})

/** An image's manifests, the newest first. */
export const manifestRows = SqlSchema.findAll({
  Request: Schema.Number,
  Result: ManifestRow,
  execute: Effect.fnUntraced(function* (imageId) {
    const sql = yield* SqlClient
    return yield* sql`
      SELECT m.*, c.digest AS config_digest, c.media_type AS config_media_type, c.size_bytes AS config_size_bytes, c.created
      FROM manifests m JOIN configs c ON c.manifest_id = m.id
      WHERE m.image_id = ${imageId} ORDER BY m.modified_at DESC, m.id DESC`
  })
})

/** A manifest's layers, the lowest first, repeats included. */
export const layerRows = SqlSchema.findAll({
  Request: Schema.Number,
  Result: LayerRow,
  execute: Effect.fnUntraced(function* (manifestId) {
    const sql = yield* SqlClient
    return yield* sql`
      SELECT l.digest, l.diff_id, ml.diff_id AS named, ml.tree, l.media_type, l.size_bytes
      FROM manifest_layers ml JOIN layers l ON l.id = ml.layer_id
      WHERE ml.manifest_id = ${manifestId} ORDER BY ml.position`
  })
})

const FormRow = Schema.Struct({ kind: Schema.Literals(["extracted", "rootfs"]), variant: Schema.String })

/** The forms in which a manifest's trees were made. */
export const formRows = SqlSchema.findAll({
  Request: Schema.Number,
  Result: FormRow,
  execute: Effect.fnUntraced(function* (manifestId) {
    const sql = yield* SqlClient
    return yield* sql`
      SELECT kind, variant FROM manifest_trees WHERE manifest_id = ${manifestId} ORDER BY kind, variant`
  })
})

/**
 * A manifest's config document, as it was pulled: bytes, since as a text it would be decoded twice. `undefined` if it is a file,
 * and the file is missing or was changed.
 */
export const configBytes = Effect.fnUntraced(function* (root: string, { id, ...manifest }: ManifestRow) {
  if (!isInRow(manifest.config_size_bytes)) return yield* readDocument(root, manifest.config_digest)
  const sql = yield* SqlClient
  const rows = yield* sql`SELECT CAST(config_json AS BLOB) AS config_json FROM configs WHERE manifest_id = ${id}`
  return (yield* Schema.decodeUnknownEffect(Schema.Struct({ config_json: Schema.Uint8Array }))(rows[0])).config_json
})

const IndexRow = Schema.Struct({
  digest: Schema.String,
  media_type: Schema.String,
  size_bytes: Schema.Number,
  annotations_json: Annotations
})

/** The index that an image's reference names, where it names one. */
export const indexRows = SqlSchema.findAll({
  Request: Schema.Number,
  Result: IndexRow,
  execute: Effect.fnUntraced(function* (imageId) {
    const sql = yield* SqlClient
    return yield* sql`SELECT digest, media_type, size_bytes, annotations_json FROM indexes WHERE image_id = ${imageId}`
  })
})

const SummaryRow = Schema.Struct({
  reference: Schema.String,
  digest: Schema.String,
  size_bytes: Schema.Number,
  modified_at: Schema.String,
  last_used_at: Schema.String,
  /** Operating system, architecture, variant. */
  platforms: Schema.fromJsonString(Schema.Array(Schema.Array(Schema.NullOr(Schema.String)))),
  created: Schema.NullOr(Schema.String),
  /** Distinct ones. */
  layers: Schema.Number
})

/** Images with their fields in a list, by reference. Every page costs the same. */
export const summaryRows = Effect.fnUntraced(function* ({ limit, after }: ListOptions) {
  const sql = yield* SqlClient
  const beyond = after === undefined ? sql`` : sql`WHERE i.reference > ${after}`
  const most = limit === undefined ? sql`` : sql`LIMIT ${limit}`
  const rows = yield* sql`
    SELECT i.reference, i.digest, i.size_bytes, i.modified_at, i.last_used_at,
      (SELECT json_group_array(json_array(m.platform_os, m.platform_arch, m.platform_variant))
        FROM manifests m WHERE m.image_id = i.id) AS platforms,
      (SELECT max(c.created) FROM manifests m JOIN configs c ON c.manifest_id = m.id WHERE m.image_id = i.id) AS created,
      (SELECT count(DISTINCT ml.layer_id) FROM manifests m JOIN manifest_layers ml ON ml.manifest_id = m.id
        WHERE m.image_id = i.id) AS layers
    FROM images i ${beyond} ORDER BY i.reference ${most}`
  return yield* Schema.decodeUnknownEffect(Schema.Array(SummaryRow))(rows)
})
