/** What a store occupies on disk, measured now. */
import { stat } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { list } from "../../fs/directories.ts"
import { ifMissing, recoverFrom, syscall } from "../../fs/syscall.ts"
import { treeSize } from "../trees/treeSize.ts"
import type { ImageUsage, KeptBlob, ReclaimedBlob, Usage } from "../UpkeepResults.ts"
import {
  type CleanerOptions,
  keysOf,
  measure,
  type Need,
  needs,
  orphans,
  sizesOf,
  total,
  treesOf
} from "./neededTrees.ts"

const sum = (blobs: ReadonlyArray<ReclaimedBlob>) => ({ count: blobs.length, bytes: total(blobs) })

const byImage = (rows: ReadonlyArray<Need>, sizes: ReadonlyMap<string, number>): ReadonlyArray<ImageUsage> => {
  const users = new Map<string, number>()
  for (const row of rows) for (const key of keysOf([row])) users.set(key, (users.get(key) ?? 0) + 1)
  const images = new Map<string, ImageUsage>()
  for (const row of rows) {
    const image = { reference: row.reference, ...(images.get(row.reference) ?? { bytes: 0, own: 0 }) }
    images.set(row.reference, image)
    for (const key of keysOf([row])) {
      const size = sizes.get(key) ?? 0
      const own = image.own + (users.get(key) === 1 ? size : 0)
      images.set(row.reference, { ...image, bytes: image.bytes + size, own })
    }
  }
  return [...images.values()].sort((a, b) => (a.reference < b.reference ? -1 : 1))
}

/** Downloads that were cut off, the oldest first. */
const keptBlobs = Effect.fnUntraced(function* ({ root, partialPath }: CleanerOptions) {
  const blobs: Array<KeptBlob> = []
  // In a store that others may read, only its owner sees these.
  for (const digest of yield* recoverFrom(["EACCES"], [])(list(join(root, "partial")))) {
    const path = partialPath(digest)
    const made = yield* ifMissing(syscall("stat", path, () => stat(path)))
    if (made !== undefined) blobs.push({ digest, bytes: yield* treeSize(path), modified: made.mtime.toISOString() })
  }
  return blobs.sort((a, b) => (a.modified < b.modified ? -1 : 1))
})

export const usage = Effect.fnUntraced(function* (options: CleanerOptions) {
  const { root, layersDir, database } = options
  const rows = yield* database.read("usage", needs(options))
  const needed = keysOf(rows)
  const trees = yield* treesOf(options, needed)
  const [sizes, partials] = [yield* sizesOf(trees), yield* keptBlobs(options)]
  const layers = {
    count: new Set(trees.map(({ digest }) => digest)).size,
    bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0)
  }
  const catalogue = ["oci.db", "oci.db.spare", "documents", "references"].map((name) => ({
    digest: name,
    path: join(root, name)
  }))
  const used: Usage = {
    images: new Set(rows.map(({ reference }) => reference)).size,
    layers,
    orphans: sum(yield* measure(yield* orphans(options, needed))),
    partials: { ...sum(partials), blobs: partials },
    byImage: byImage(rows, sizes),
    staging: yield* treeSize(join(layersDir, ".staging")),
    catalogue: total(yield* measure(catalogue))
  }
  return used
})
