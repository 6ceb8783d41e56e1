/** Which image needs which layer, and which layers on disk nobody needs. */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type { Reason } from "../../api/errors.ts"
import { listAt } from "../../fs/directories.ts"
import type { Database } from "../database/Database.ts"
import { SqlClient } from "../database/Sql.ts"
import type { Archives } from "../reuse/Archives.ts"
import { findTrees } from "../reuse/findTree.ts"
import { listTrees } from "../trees/listTrees.ts"
import type { Staging } from "../trees/Staging.ts"
import { readTreeName, type TreeKind, type TreePaths } from "../trees/TreePaths.ts"
import { treeKey } from "../trees/treeForms.ts"
import { treeSize } from "../trees/treeSize.ts"
import type { ReclaimedBlob } from "../UpkeepResults.ts"

/** Where everything is, for those who clean up. */
export interface CleanerOptions extends TreePaths {
  readonly root: string
  readonly database: Database
  readonly archives: Archives
  readonly partialPath: (digest: string) => string
  readonly lockPath: (name: string) => string
  /** Where trees wait for their removal. */
  readonly staging: Effect.Effect<string, Reason>
  readonly sweepEach: Staging["Service"]["sweepEach"]
}

/** An image and one of its layers or, for a merged tree, its manifest. */
export interface Need {
  readonly reference: string
  /** The digest that the reference names. */
  readonly image: string
  readonly last_used_at: string
  readonly kind: TreeKind
  /** In the tree's name: of a layer without a tree of its own, it is another blob's. */
  readonly digest: string | null
  /** The layer's own; null for a manifest. */
  readonly layer: string | null
  /** The form in which it needs that tree; null if in none. */
  readonly variant: string | null
}

interface Row extends Need {
  readonly diff_id: string | null
  readonly proven: number | null
  readonly tree: string | null
}

const rows = Effect.flatMap(
  SqlClient,
  (sql) => sql<Row>`
    SELECT DISTINCT i.reference, i.digest AS image, i.last_used_at, 'extracted' AS kind, l.digest, l.digest AS layer, t.variant,
      ml.diff_id, l.diff_id = ml.diff_id AS proven, ml.tree
    FROM images i
    LEFT JOIN manifests m ON m.image_id = i.id
    LEFT JOIN manifest_layers ml ON ml.manifest_id = m.id
    LEFT JOIN layers l ON l.id = ml.layer_id
    LEFT JOIN manifest_trees t ON t.manifest_id = m.id AND t.kind = 'extracted'
    UNION SELECT i.reference, i.digest, i.last_used_at, 'rootfs', m.digest, NULL, t.variant, NULL, NULL, NULL
    FROM images i JOIN manifests m ON m.image_id = i.id
    LEFT JOIN manifest_trees t ON t.manifest_id = m.id AND t.kind = 'rootfs'
    ORDER BY 3, 1`
)

/** The image that was unused longest comes first. */
export const needs = Effect.fnUntraced(function* ({
  layersDir,
  archives
}: Pick<CleanerOptions, "layersDir" | "archives">) {
  const named = yield* rows
  const find = findTrees(archives, yield* listTrees(layersDir))
  const found = new Map<string, Need>()
  for (const { diff_id, proven, tree, ...need } of named) {
    const { kind, variant, layer } = need
    const digest =
      kind === "extracted" && variant !== null && layer !== null
        ? yield* find({ digest: layer, diffId: diff_id ?? "", isProven: proven === 1 && diff_id !== "", tree }, variant)
        : need.digest
    const row: Need = { ...need, digest }
    // Two layers of an image may have one tree.
    const key = JSON.stringify([row.reference, kind, digest, variant])
    if (!found.has(key)) found.set(key, row)
  }
  return [...found.values()]
})

/** All digests of the images, whether they need trees of them or not. */
export const digestsOf = (rows: ReadonlyArray<Need>): ReadonlySet<string> =>
  new Set(rows.flatMap(({ digest, layer }) => [digest, layer].filter((it) => it !== null)))

/** The trees that an image needs, by `treeKey`. */
export const keysOf = (rows: ReadonlyArray<Need>): ReadonlySet<string> =>
  new Set(
    rows.flatMap(({ kind, digest, variant }) =>
      digest === null || variant === null ? [] : [treeKey({ kind, variant, digest })]
    )
  )

/** Each once, in their order. */
export const referencesOf = (rows: ReadonlyArray<Need>): ReadonlyArray<string> => [
  ...new Set(rows.map(({ reference }) => reference))
]

export const total = (blobs: ReadonlyArray<{ readonly bytes: number }>): number =>
  blobs.reduce((sum, { bytes }) => sum + bytes, 0)

/** A tree, or where it was moved to. */
export interface TreeLocation {
  readonly digest: string
  readonly path: string
}

export interface StandingTree extends TreeLocation {
  /** `treeKey` */
  readonly key: string
}

const places = ({ layersDir }: TreePaths, which: (key: string) => boolean) =>
  Effect.map(listTrees(layersDir), (trees) =>
    trees
      .map((tree): StandingTree => ({ digest: tree.digest, key: treeKey(tree), path: join(layersDir, tree.name) }))
      .filter(({ key }) => which(key))
  )

/** The trees on disk that are among these. */
export const treesOf = (options: TreePaths, needed: ReadonlySet<string>) => places(options, (key) => needed.has(key))

/** The trees on disk that are not. */
export const orphans = (options: TreePaths, needed: ReadonlySet<string>) => places(options, (key) => !needed.has(key))

const suffix = ".stat"

/** Stat files without a tree, which a crash leaves. */
export const strays = ({ layersDir }: TreePaths) =>
  Effect.map(listAt(layersDir), (names) => {
    const there = new Set(names)
    return names
      .filter((name) => name.endsWith(suffix))
      .map((name) => name.slice(0, -suffix.length))
      .filter((name) => readTreeName(name) !== undefined && !there.has(name))
      .map((name) => join(layersDir, name + suffix))
  })

/** Bytes of each tree, by `treeKey`. */
export const sizesOf = Effect.fnUntraced(function* (trees: ReadonlyArray<StandingTree>) {
  const sizes = new Map<string, number>()
  for (const { key, path } of trees) sizes.set(key, yield* treeSize(path))
  return sizes
})

/** Each digest once, however many trees it has. */
export const measure = Effect.fnUntraced(function* (trees: ReadonlyArray<TreeLocation>) {
  const sizes = new Map<string, number>()
  for (const { digest, path } of trees) sizes.set(digest, (sizes.get(digest) ?? 0) + (yield* treeSize(path)))
  return [...sizes].map(([digest, bytes]): ReclaimedBlob => ({ digest, bytes }))
})
