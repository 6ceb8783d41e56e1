/** The trees on disk that images need, made with any options, each with these images. */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { platformText } from "../catalogue/platformKey.ts"
import type { Database } from "../database/Database.ts"
import { listTrees } from "../trees/listTrees.ts"
import type { TreeKind, TreePaths } from "../trees/TreePaths.ts"
import { formOf, isSame, treeKey } from "../trees/treeForms.ts"

/** An image, for one of its platforms. */
export interface TreeUser {
  readonly reference: string
  readonly platform: string
}

export interface NamedTree {
  /** Of the layer's blob, or of the manifest where layers are merged. */
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
}

const rows = Effect.flatMap(
  SqlClient,
  (sql) => sql<Row>`
    SELECT i.reference, m.platform_os AS os, m.platform_arch AS architecture, m.platform_variant AS variant,
      t.kind, t.variant AS made, m.digest
    FROM images i JOIN manifests m ON m.image_id = i.id
    JOIN manifest_trees t ON t.manifest_id = m.id AND t.kind = 'rootfs'
    UNION SELECT i.reference, m.platform_os, m.platform_arch, m.platform_variant, t.kind, t.variant, l.digest
    FROM images i JOIN manifests m ON m.image_id = i.id
    JOIN manifest_trees t ON t.manifest_id = m.id AND t.kind = 'extracted'
    JOIN manifest_layers ml ON ml.manifest_id = m.id JOIN layers l ON l.id = ml.layer_id
    ORDER BY 1, 2, 3, 4`
)

export const namedTrees = Effect.fnUntraced(function* ({
  database,
  ...places
}: TreePaths & { readonly database: Database }) {
  const { layersDir } = places
  const isOwn = isSame(formOf(places))
  const users = new Map<string, Array<TreeUser>>()
  for (const { reference, kind, made, digest, variant, ...platform } of yield* database.read("verify", rows)) {
    const key = treeKey({ kind, variant: made, digest })
    const user = { reference, platform: platformText({ ...platform, variant: variant ?? undefined }) }
    const known = users.get(key)
    if (known === undefined) users.set(key, [user])
    else known.push(user)
  }
  const trees = yield* listTrees(layersDir)
  return trees.flatMap((tree): ReadonlyArray<NamedTree> => {
    const named = users.get(treeKey(tree))
    if (named === undefined) return []
    const others = isOwn(tree) ? {} : { variant: tree.variant }
    return [{ digest: tree.digest, kind: tree.kind, path: join(layersDir, tree.name), ...others, users: named }]
  })
})
