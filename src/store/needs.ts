/** Which image needs which layer, and which layers on disk nobody needs. */
import { readdir } from "node:fs/promises"
import { basename, join } from "node:path"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { FileSystemFailed } from "../errors.ts"
import type { Database } from "./Database.ts"
import type { ReclaimedBlob } from "./Reclaimed.ts"
import { on, syscall } from "./syscall.ts"
import { treeSize } from "./treeSize.ts"

/** Where everything is, for those who clean up. */
export interface KeeperOptions {
  readonly root: string
  readonly layersDir: string
  readonly database: Database
  readonly layerPath: (digest: string) => string
  readonly partialPath: (digest: string) => string
  readonly lockPath: (name: string) => string
  /** Where trees wait for their removal. */
  readonly area: Effect.Effect<string, FileSystemFailed>
}

/** An image and one of its layers; an image without any has one row all the same. */
export interface Need {
  readonly reference: string
  readonly last_used_at: string
  readonly digest: string | null
}

/** The image that was unused longest comes first. */
export const needs = Effect.flatMap(
  SqlClient,
  (sql) => sql<Need>`
    SELECT DISTINCT i.reference, i.last_used_at, l.digest FROM images i
    LEFT JOIN manifests m ON m.image_id = i.id
    LEFT JOIN manifest_layers ml ON ml.manifest_id = m.id
    LEFT JOIN layers l ON l.id = ml.layer_id ORDER BY i.last_used_at, i.reference`
)

export const digestsOf = (rows: ReadonlyArray<Need>): ReadonlySet<string> =>
  new Set(rows.flatMap(({ digest }) => (digest === null ? [] : [digest])))

export const total = (blobs: ReadonlyArray<{ readonly bytes: number }>): number =>
  blobs.reduce((sum, { bytes }) => sum + bytes, 0)

/** The names in a directory; none where there is no directory. */
export const list = (path: string) => on(["ENOENT", "ENOTDIR"], [])(syscall("readdir", path, () => readdir(path)))

const suffix = ".extracted"

/** A digest's name and nothing else: the directory may be one where other things are kept as well. */
const layerName = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*[:_][A-Za-z0-9=_-]+\.extracted$/

/** A layer's directory, or where it was moved to. */
export interface Place {
  readonly digest: string
  readonly path: string
}

/** The layers on disk that none of these digests names. */
export const orphans = Effect.fnUntraced(function* (
  { layersDir, layerPath }: KeeperOptions,
  needed: ReadonlySet<string>
) {
  const keep = new Set([...needed].map((digest) => basename(layerPath(digest))))
  const names = (yield* list(layersDir)).filter((name) => layerName.test(name) && !keep.has(name))
  return names.map((name): Place => ({ digest: name.slice(0, -suffix.length), path: join(layersDir, name) }))
})

export const measure = (places: ReadonlyArray<Place>) =>
  Effect.forEach(places, ({ digest, path }) =>
    Effect.map(treeSize(path), (bytes): ReclaimedBlob => ({ digest, bytes }))
  )
