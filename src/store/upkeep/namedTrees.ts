/** The trees on disk that images need, made with any options, each with these images. */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type { Database } from "../database/Database.ts"
import { SqlClient } from "../database/Sql.ts"
import { platformText } from "../records/platformKey.ts"
import type { Archives } from "../reuse/Archives.ts"
import { findTrees } from "../reuse/findTree.ts"
import { listTrees } from "../trees/listTrees.ts"
import type { TreeKind, TreePaths } from "../trees/TreePaths.ts"
import { formOf, isSame, treeKey } from "../trees/treeForms.ts"

/** An image, for one of its platforms. */
export interface TreeUser {
  readonly reference: string
  readonly platform: string
}

export interface NamedTree {
  /** The digest of the layer's blob, or of the manifest if layers are merged. */
  readonly digest: string
  readonly kind: TreeKind
  readonly path: string
  /** For a tree made with other options than the caller's: the part of its name that stands for them. */
  readonly variant?: string
  readonly users: ReadonlyArray<TreeUser>
}

interface Row {
  readonly reference: string
  readonly os: string
  readonly architecture: string
  readonly variant: string | null
  readonly kind: TreeKind
  readonly made: string
  readonly digest: string
  readonly diff_id: string
  readonly proven: number
  readonly tree: string | null
}

const rows = Effect.flatMap(
  SqlClient,
  (sql) => sql<Row>`
    SELECT i.reference, m.platform_os AS os, m.platform_arch AS architecture, m.platform_variant AS variant,
      t.kind, t.variant AS made, m.digest, '' AS diff_id, 0 AS proven, NULL AS tree
    FROM images i JOIN manifests m ON m.image_id = i.id
    JOIN manifest_trees t ON t.manifest_id = m.id AND t.kind = 'rootfs'
    UNION SELECT i.reference, m.platform_os, m.platform_arch, m.platform_variant, t.kind, t.variant, l.digest,
      ml.diff_id, l.diff_id = ml.diff_id, ml.tree
    FROM images i JOIN manifests m ON m.image_id = i.id
    JOIN manifest_trees t ON t.manifest_id = m.id AND t.kind = 'extracted'
    JOIN manifest_layers ml ON ml.manifest_id = m.id JOIN layers l ON l.id = ml.layer_id
    ORDER BY 1, 2, 3, 4`
)

export const namedTrees = Effect.fnUntraced(function* ({
  database,
  archives,
  ...places
}: TreePaths & { readonly database: Database; readonly archives: Archives }) {
  const { layersDir } = places
  const isOwn = isSame(formOf(places))
  const named = yield* database.read("verify", rows)
  const trees = yield* listTrees(layersDir)
  const find = findTrees(archives, trees)
  const users = new Map<string, Map<string, TreeUser>>()
  for (const row of named) {
    const { reference, os, architecture, variant, kind, made, diff_id, proven, tree } = row
    const layer = { digest: row.digest, diffId: diff_id, isProven: proven === 1 && diff_id !== "", tree }
    const digest = kind === "extracted" ? yield* find(layer, made) : row.digest
    const key = treeKey({ kind, variant: made, digest })
    const user = { reference, platform: platformText({ os, architecture, variant: variant ?? undefined }) }
    const known = users.get(key) ?? new Map<string, TreeUser>()
    users.set(key, known.set(`${user.reference} ${user.platform}`, user))
  }
  return trees.flatMap((tree): ReadonlyArray<NamedTree> => {
    const its = users.get(treeKey(tree))
    if (its === undefined) return []
    const others = isOwn(tree) ? {} : { variant: tree.variant }
    return [
      { digest: tree.digest, kind: tree.kind, path: join(layersDir, tree.name), ...others, users: [...its.values()] }
    ]
  })
})
