/** Records an image in the catalogue's tables, and removes the image that its reference named before. */

import { isUtf8 } from "node:buffer"
import * as Effect from "effect/Effect"
import { DigestMismatch, InvalidManifest } from "../../api/errors.ts"
import { Index } from "../../image/Index.ts"
import { asSpelled } from "../../image/json/decodeAs.ts"
import { isObject } from "../../image/json/isObject.ts"
import { AnyMap } from "../../image/json/lenient.ts"
import { parseJson } from "../../image/json/parseJson.ts"
import * as Shape from "../../image/json/Shape.ts"
import { Manifest } from "../../image/Manifest.ts"
import { isDigest } from "../../image/reference/Digest.ts"
import { SqlClient } from "../database/Sql.ts"
import type { ImageRecord, RecordedConfig, RecordedDocument } from "../records/ImageRecord.ts"
import { isInRow } from "../records/isInRow.ts"
import { platformKey } from "../records/platformKey.ts"
import { isPart, type TreeForm } from "../trees/TreePaths.ts"
import type { Reused } from "../trees/Trees.ts"
import { unproven } from "./queries.ts"

/** The members of a document, under the names that its shape gives them. */
const members = ({ digest, bytes }: RecordedDocument, shape: Shape.Shape<unknown>) =>
  parseJson(bytes).pipe(
    Effect.flatMap((json) => asSpelled(shape, json)),
    Effect.flatMap(Shape.decode(AnyMap)),
    Effect.mapError(() => new InvalidManifest({ digest, problem: "it is not a JSON object" }))
  )

/** NULL for what is not there, so that no column ever says "null". */
const json = (value: unknown) => (value === undefined || value === null ? null : JSON.stringify(value))

/** NULL for those of a document that is not in the row, and for what is not an object. */
const annotationsOf = (bytes: Uint8Array, { annotations }: Readonly<Record<string, unknown>>) =>
  isInRow(bytes.length) && isObject(annotations) ? JSON.stringify(annotations) : null
const schemaVersion = (value: unknown) => (typeof value === "number" && Number.isInteger(value) ? value : 2)

const idOf = (rows: ReadonlyArray<{ readonly id: number }>) =>
  rows[0] === undefined ? Effect.die(new Error("RETURNING gave no row")) : Effect.succeed(rows[0].id)

interface Id {
  readonly id: number
}

const enterReference = Effect.fnUntraced(function* ({ reference, digest }: ImageRecord, now: string) {
  const sql = yield* SqlClient
  const known = yield* sql<{ id: number; digest: string }>`SELECT id, digest FROM images WHERE reference = ${reference}`
  const id = yield* sql<Id>`
    INSERT INTO images ${sql.insert({ reference, digest, size_bytes: 0, last_used_at: now, created_at: now, modified_at: now })}
    ON CONFLICT (reference) DO UPDATE SET digest = excluded.digest, last_used_at = ${now}, modified_at = ${now}
    RETURNING id`.pipe(Effect.flatMap(idOf))
  const moved = known[0] !== undefined && known[0].digest !== digest
  if (moved) {
    yield* sql`DELETE FROM manifests WHERE image_id = ${id}`
    yield* sql`DELETE FROM indexes WHERE image_id = ${id}`
  }
  return { id, moved }
})

const enterIndex = Effect.fnUntraced(function* (imageId: number, index: RecordedDocument, now: string) {
  const sql = yield* SqlClient
  const value = yield* members(index, Index)
  const row = {
    image_id: imageId,
    digest: index.digest,
    schema_version: schemaVersion(value["schemaVersion"]),
    media_type: index.mediaType,
    size_bytes: index.bytes.length,
    annotations_json: annotationsOf(index.bytes, value),
    created_at: now,
    modified_at: now
  }
  return yield* sql<Id>`
    INSERT INTO indexes ${sql.insert(row)}
    ON CONFLICT (image_id, digest) DO UPDATE SET modified_at = ${now} RETURNING id`.pipe(Effect.flatMap(idOf))
})

const enterManifest = Effect.fnUntraced(function* (
  imageId: number,
  indexId: number | null,
  image: ImageRecord,
  now: string
) {
  const sql = yield* SqlClient
  const { manifest, platform, requested = platform } = image
  const value = yield* members(manifest, Manifest)
  const same = sql`image_id = ${imageId} AND platform_os = ${platform.os} AND platform_arch = ${platform.architecture}
    AND ifnull(platform_variant, '') = ${platform.variant ?? ""}`
  const asked = yield* sql<{ key: string }>`
    SELECT value AS key FROM manifests, json_each(requested_json) WHERE ${same} AND digest = ${manifest.digest}`
  const forms = yield* sql<TreeForm>`
    SELECT t.kind, t.variant FROM manifest_trees t JOIN manifests ON manifests.id = t.manifest_id
    WHERE ${same} AND digest = ${manifest.digest}`
  yield* sql`DELETE FROM manifests WHERE ${same}`
  const keys = new Set([...asked.map(({ key }) => key), platformKey(requested)])
  const row = {
    index_id: indexId,
    image_id: imageId,
    digest: manifest.digest,
    schema_version: schemaVersion(value["schemaVersion"]),
    media_type: manifest.mediaType,
    size_bytes: manifest.bytes.length,
    platform_os: platform.os,
    platform_arch: platform.architecture,
    platform_variant: platform.variant ?? null,
    requested_json: JSON.stringify([...keys]),
    annotations_json: annotationsOf(manifest.bytes, value),
    created_at: now,
    modified_at: now
  }
  const id = yield* sql<Id>`INSERT INTO manifests ${sql.insert(row)} RETURNING id`.pipe(Effect.flatMap(idOf))
  for (const form of forms) yield* enterForm(id, form, now)
  return id
})

/** Records that there are trees of a manifest in this form, too. */
export const enterForm = Effect.fnUntraced(function* (manifestId: number, { kind, variant }: TreeForm, now: string) {
  const sql = yield* SqlClient
  const row = { manifest_id: manifestId, kind, variant, created_at: now, modified_at: now }
  yield* sql`
    INSERT INTO manifest_trees ${sql.insert(row)}
    ON CONFLICT (manifest_id, kind, variant) DO UPDATE SET modified_at = ${now}`
})

/** What a config says, for those who query the table. */
const configColumns = ({ value, bytes }: RecordedConfig) => {
  const { architecture, os, variant, config, rootfs, history } = value
  return {
    architecture: architecture ?? null,
    os: os ?? null,
    os_variant: variant ?? null,
    config_env_json: json(config?.Env),
    config_cmd_json: json(config?.Cmd),
    config_working_dir: config?.WorkingDir ?? null,
    config_entrypoint_json: json(config?.Entrypoint),
    config_volumes_json: json(config?.Volumes),
    config_exposed_ports_json: json(config?.ExposedPorts),
    config_user: config?.User ?? null,
    rootfs_type: rootfs.type ?? null,
    rootfs_diff_ids_json: json(rootfs.diff_ids),
    history_json: json(history),
    // What is not UTF-8 was decoded to U+FFFD when it was read.
    config_json: isUtf8(bytes) ? bytes : Buffer.from(bytes).toString()
  }
}

const enterConfig = Effect.fnUntraced(function* (manifestId: number, document: RecordedConfig, now: string) {
  const sql = yield* SqlClient
  const { created } = document.value
  yield* sql`INSERT INTO configs ${sql.insert({
    manifest_id: manifestId,
    digest: document.digest,
    media_type: document.mediaType,
    size_bytes: document.bytes.length,
    created: created !== undefined && isInRow(created.length) ? created : null,
    ...(isInRow(document.bytes.length) ? configColumns(document) : { config_json: "{}" }),
    created_at: now,
    modified_at: now
  })}`
})

/** `isProven`: the layer was found to have the diffID that the config names. Each table is written by one statement, however many layers there are. */
const enterLayers = Effect.fnUntraced(function* (
  manifestId: number,
  { layers }: ImageRecord,
  isProven: (digest: string) => boolean,
  reused: Reused,
  now: string
) {
  const sql = yield* SqlClient
  const digests = JSON.stringify(layers.map(({ digest }) => digest))
  const recorded = yield* sql<{ digest: string; diff_id: string }>`
    SELECT digest, diff_id FROM layers WHERE digest IN (SELECT value FROM json_each(${digests}))`
  const proofs = new Map(recorded.map(({ digest, diff_id }) => [digest, diff_id]))
  const rows = []
  for (const { digest, diffId, mediaType, size } of layers) {
    // A layer's digest becomes the name of its directory.
    if (!isDigest(digest)) return yield* new InvalidManifest({ digest, problem: "the digest of a layer is invalid" })
    // The tree was verified against the diffID that it was extracted with; another config may claim another.
    const before = proofs.get(digest) ?? unproven
    if (before !== unproven && before !== diffId) {
      return yield* new DigestMismatch({ subject: "diffID", expected: diffId, actual: before })
    }
    const proof = isProven(digest) ? diffId : before
    proofs.set(digest, proof)
    rows.push({ digest, diffId, mediaType, size, proof, tree: reused.get(digest) ?? null })
  }
  const list = JSON.stringify(rows)
  yield* sql`
    INSERT INTO layers (media_type, digest, diff_id, size_bytes, created_at, modified_at)
    SELECT value ->> 'mediaType', value ->> 'digest', value ->> 'proof', value ->> 'size', ${now}, ${now}
    FROM json_each(${list}) WHERE true
    ON CONFLICT (digest) DO UPDATE SET diff_id = excluded.diff_id, modified_at = ${now}`
  yield* sql`
    INSERT INTO manifest_layers (manifest_id, layer_id, position, diff_id, tree, created_at, modified_at)
    SELECT ${manifestId}, layers.id, key, value ->> 'diffId', value ->> 'tree', ${now}, ${now}
    FROM json_each(${list}) JOIN layers ON layers.digest = value ->> 'digest' ORDER BY key`
})

/** Computes an image's size: each digest once, over all its platforms. */
const measure = Effect.fnUntraced(function* (imageId: number) {
  const sql = yield* SqlClient
  yield* sql`UPDATE images SET size_bytes = (
    SELECT ifnull(sum(size_bytes), 0) FROM (
      SELECT digest, size_bytes FROM manifests WHERE image_id = ${imageId}
      UNION SELECT c.digest, c.size_bytes FROM configs c JOIN manifests m ON m.id = c.manifest_id WHERE m.image_id = ${imageId}
      UNION SELECT l.digest, l.size_bytes FROM layers l
        JOIN manifest_layers ml ON ml.layer_id = l.id
        JOIN manifests m ON m.id = ml.manifest_id WHERE m.image_id = ${imageId}
    )) WHERE id = ${imageId}`
})

/**
 * An image without trees has no layers. A pull of a part reads the layers that it needs, and no others; one of a whole image
 * reads all that have no other blob's tree, unless it merges them.
 */
const readLayers = (forms: ReadonlyArray<TreeForm>, reused: Reused) => {
  const whole = forms.filter((form) => !isPart(form))
  const areAll = forms.length === 0 || whole.some(({ kind }) => kind === "rootfs")
  return (digest: string): boolean => areAll || (whole.length > 0 && !reused.has(digest))
}

/**
 * `forms`: of its trees, in addition to those already recorded. `reused`: which layers have other blobs' trees. Returns
 * `moved`: whether the reference named something else before.
 */
export const enterImage = Effect.fnUntraced(function* (
  image: ImageRecord,
  forms: ReadonlyArray<TreeForm>,
  reused: Reused,
  now: string
) {
  const { id, moved } = yield* enterReference(image, now)
  const indexId = image.index === undefined ? null : yield* enterIndex(id, image.index, now)
  const manifestId = yield* enterManifest(id, indexId, image, now)
  for (const form of forms) yield* enterForm(manifestId, form, now)
  yield* enterConfig(manifestId, image.config, now)
  yield* enterLayers(manifestId, image, readLayers(forms, reused), reused, now)
  yield* measure(id)
  return { moved, manifestId }
})
