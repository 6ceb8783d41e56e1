/** The trees on disk that images name, made with whatever options, and which images these are. */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { Database } from "../database/Database.ts"
import type { Places } from "../Places.ts"
import { platformText } from "../platformKey.ts"
import { listTrees } from "./needs.ts"

/** An image, for one of its platforms. */
export interface TreeUser {
  readonly reference: string
  readonly platform: string
}

export interface NamedTree {
  /** Of the layer's blob, or of the manifest where layers are merged. */
  readonly digest: string
  readonly kind: "extracted" | "rootfs"
  readonly path: string
  /** Where it was made with other options than those of who asks: the part of its name that says with which. */
  readonly variant?: string
  readonly users: ReadonlyArray<TreeUser>
}

interface Row {
  readonly reference: string
  readonly os: string
  readonly architecture: string
  readonly variant: string | null
  readonly kind: "extracted" | "rootfs"
  readonly digest: string
}

const rows = Effect.flatMap(
  SqlClient,
  (sql) => sql<Row>`
    SELECT i.reference, m.platform_os AS os, m.platform_arch AS architecture, m.platform_variant AS variant,
      'rootfs' AS kind, m.digest
    FROM images i JOIN manifests m ON m.image_id = i.id
    UNION SELECT i.reference, m.platform_os, m.platform_arch, m.platform_variant, 'extracted', l.digest
    FROM images i JOIN manifests m ON m.image_id = i.id
    JOIN manifest_layers ml ON ml.manifest_id = m.id JOIN layers l ON l.id = ml.layer_id
    ORDER BY 1, 2, 3, 4`
)

export const namedTrees = Effect.fnUntraced(function* ({
  database,
  layersDir,
  variant,
  rootfsPath
}: Places & { readonly database: Database }) {
  const own = rootfsPath === undefined ? "extracted" : "rootfs"
  const users = new Map<string, Array<TreeUser>>()
  for (const { reference, kind, digest, variant, ...platform } of yield* database.read("verify", rows)) {
    const key = `${kind} ${digest}`
    const user = { reference, platform: platformText({ ...platform, variant: variant ?? undefined }) }
    const known = users.get(key)
    if (known === undefined) users.set(key, [user])
    else known.push(user)
  }
  const trees = yield* listTrees(layersDir)
  return trees.flatMap((tree): ReadonlyArray<NamedTree> => {
    const named = users.get(`${tree.kind} ${tree.digest}`)
    if (named === undefined) return []
    const others = tree.kind === own && tree.variant === variant ? {} : { variant: tree.variant }
    return [{ digest: tree.digest, kind: tree.kind, path: join(layersDir, tree.name), ...others, users: named }]
  })
})
