/** What a store occupies on disk, measured now. */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { digestsOf, type KeeperOptions, list, measure, needs, orphans, total } from "./needs.ts"
import type { ReclaimedBlob, Usage } from "./Reclaimed.ts"
import { treeSize } from "./treeSize.ts"

const sum = (blobs: ReadonlyArray<ReclaimedBlob>) => ({ count: blobs.length, bytes: total(blobs) })

export const usage = Effect.fnUntraced(function* (options: KeeperOptions) {
  const { root, layersDir, database, layerPath, partialPath } = options
  const rows = yield* database.read("usage", needs)
  const needed = digestsOf(rows)
  const named = [...needed].map((digest) => ({ digest, path: layerPath(digest) }))
  const partials = (yield* list(join(root, "partial"))).map((digest) => ({ digest, path: partialPath(digest) }))
  const catalogue = ["oci.db", "documents", "references"].map((name) => ({ digest: name, path: join(root, name) }))
  const used: Usage = {
    images: new Set(rows.map(({ reference }) => reference)).size,
    layers: sum(yield* measure(named)),
    orphans: sum(yield* measure(yield* orphans(options, needed))),
    partials: sum(yield* measure(partials)),
    staging: yield* treeSize(join(layersDir, ".staging")),
    catalogue: total(yield* measure(catalogue))
  }
  return used
})
