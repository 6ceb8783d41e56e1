/** The queries of the catalogue's tables, with the types of their rows. */

import { types } from "node:util"
import * as Effect from "effect/Effect"
import type { ListOptions } from "../../api/config.ts"
import { AnyMap } from "../../image/json/lenient.ts"
import * as Shape from "../../image/json/Shape.ts"
import { SqlClient, type SqlError } from "../database/Sql.ts"
import { readDocument } from "../records/DocumentFiles.ts"
import type { RecordedPlatform } from "../records/ImageRecord.ts"
import { isInRow } from "../records/isInRow.ts"
import type { NamedLayer } from "../reuse/findTree.ts"

/** Milliseconds. `last_used_at` is renewed when it is older, so that repeated use does not rewrite the file. */
export const freshness = 60_000

/** Runs a query and checks the columns of its rows. */
const rowsOf = <A, B>(
  row: Shape.Shape<A>,
  execute: (request: B) => Effect.Effect<ReadonlyArray<unknown>, SqlError, SqlClient>
) => {
  const checked = Shape.decode(Shape.Array(row))
  return (request: B) => Effect.flatMap(execute(request), checked)
}

const Annotations = Shape.NullOr(Shape.fromJsonString(AnyMap))

const Bytes = Shape.declare(types.isUint8Array, "bytes")

const ImageRow = Shape.Struct({
  id: Shape.Number,
  reference: Shape.String,
  digest: Shape.String,
  size_bytes: Shape.Number,
  created_at: Shape.String,
  modified_at: Shape.String,
  last_used_at: Shape.String
})
export type ImageRow = typeof ImageRow.Type

const ManifestRow = Shape.Struct({
  id: Shape.Number,
  image_id: Shape.Number,
  digest: Shape.String,
  media_type: Shape.String,
  size_bytes: Shape.Number,
  platform_os: Shape.String,
  platform_arch: Shape.String,
  platform_variant: Shape.NullOr(Shape.String),
  requested_json: Shape.fromJsonString(Shape.Array(Shape.String)),
  annotations_json: Annotations,
  config_digest: Shape.String,
  config_media_type: Shape.String,
  config_size_bytes: Shape.Number,
  created: Shape.NullOr(Shape.String)
})
export type ManifestRow = typeof ManifestRow.Type

export const platformOf = ({
  platform_os,
  platform_arch,
  platform_variant
}: Pick<ManifestRow, "platform_os" | "platform_arch" | "platform_variant">): RecordedPlatform => ({
  os: platform_os,
  architecture: platform_arch,
  ...(platform_variant === null ? {} : { variant: platform_variant })
})

/** In place of the diffID of a layer that was pulled only for parts of images, which need not read it. */
export const unproven = ""

const LayerRow = Shape.Struct({
  digest: Shape.String,
  /** What its blob was proven to have. */
  diff_id: Shape.String,
  /** What the image's config says; empty where an older version entered a part of an image. */
  named: Shape.String,
  /** The blob whose tree was there in place of its own. */
  tree: Shape.NullOr(Shape.String),
  media_type: Shape.String,
  size_bytes: Shape.Number
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
export const imageRows = rowsOf(
  ImageRow,
  Effect.fnUntraced(function* (reference: string | undefined) {
    const sql = yield* SqlClient
    const only = reference === undefined ? sql`` : sql`WHERE reference = ${reference}`
    return yield* sql`SELECT * FROM images ${only} ORDER BY reference`
  })
)

/** An image's manifests, the newest first. */
export const manifestRows = rowsOf(
  ManifestRow,
  Effect.fnUntraced(function* (imageId: number) {
    const sql = yield* SqlClient
    return yield* sql`
      SELECT m.*, c.digest AS config_digest, c.media_type AS config_media_type, c.size_bytes AS config_size_bytes, c.created
      FROM manifests m JOIN configs c ON c.manifest_id = m.id
      WHERE m.image_id = ${imageId} ORDER BY m.modified_at DESC, m.id DESC`
  })
)

/** A manifest's layers, the lowest first, repeats included. */
export const layerRows = rowsOf(
  LayerRow,
  Effect.fnUntraced(function* (manifestId: number) {
    const sql = yield* SqlClient
    return yield* sql`
      SELECT l.digest, l.diff_id, ml.diff_id AS named, ml.tree, l.media_type, l.size_bytes
      FROM manifest_layers ml JOIN layers l ON l.id = ml.layer_id
      WHERE ml.manifest_id = ${manifestId} ORDER BY ml.position`
  })
)

const FormRow = Shape.Struct({ kind: Shape.Literals(["extracted", "rootfs"]), variant: Shape.String })

/** The forms in which a manifest's trees were made. */
export const formRows = rowsOf(
  FormRow,
  Effect.fnUntraced(function* (manifestId: number) {
    const sql = yield* SqlClient
    return yield* sql`
      SELECT kind, variant FROM manifest_trees WHERE manifest_id = ${manifestId} ORDER BY kind, variant`
  })
)

/**
 * A manifest's config document, as it was pulled: bytes, since as a text it would be decoded twice. `undefined` if it is a file,
 * and the file is missing or was changed.
 */
export const configBytes = Effect.fnUntraced(function* (root: string, { id, ...manifest }: ManifestRow) {
  if (!isInRow(manifest.config_size_bytes)) return yield* readDocument(root, manifest.config_digest)
  const sql = yield* SqlClient
  const rows = yield* sql`SELECT CAST(config_json AS BLOB) AS config_json FROM configs WHERE manifest_id = ${id}`
  return (yield* Shape.decode(Shape.Struct({ config_json: Bytes }))(rows[0])).config_json
})

const IndexRow = Shape.Struct({
  digest: Shape.String,
  media_type: Shape.String,
  size_bytes: Shape.Number,
  annotations_json: Annotations
})

/** The index that an image's reference names, where it names one. */
export const indexRows = rowsOf(
  IndexRow,
  Effect.fnUntraced(function* (imageId: number) {
    const sql = yield* SqlClient
    return yield* sql`SELECT digest, media_type, size_bytes, annotations_json FROM indexes WHERE image_id = ${imageId}`
  })
)

const SummaryRow = Shape.Struct({
  reference: Shape.String,
  digest: Shape.String,
  size_bytes: Shape.Number,
  modified_at: Shape.String,
  last_used_at: Shape.String,
  /** Operating system, architecture, variant. */
  platforms: Shape.fromJsonString(Shape.Array(Shape.Array(Shape.NullOr(Shape.String)))),
  created: Shape.NullOr(Shape.String),
  /** Distinct ones. */
  layers: Shape.Number
})

/** Images with their fields in a list, by reference. Every page costs the same. */
export const summaryRows = rowsOf(
  SummaryRow,
  Effect.fnUntraced(function* ({ limit, after }: ListOptions) {
    const sql = yield* SqlClient
    const beyond = after === undefined ? sql`` : sql`WHERE i.reference > ${after}`
    const most = limit === undefined ? sql`` : sql`LIMIT ${limit}`
    return yield* sql`
    SELECT i.reference, i.digest, i.size_bytes, i.modified_at, i.last_used_at,
      (SELECT json_group_array(json_array(m.platform_os, m.platform_arch, m.platform_variant))
        FROM manifests m WHERE m.image_id = i.id) AS platforms,
      (SELECT max(c.created) FROM manifests m JOIN configs c ON c.manifest_id = m.id WHERE m.image_id = i.id) AS created,
      (SELECT count(DISTINCT ml.layer_id) FROM manifests m JOIN manifest_layers ml ON ml.manifest_id = m.id
        WHERE m.image_id = i.id) AS layers
    FROM images i ${beyond} ORDER BY i.reference ${most}`
  })
)
