/** What a store occupies on disk, measured now. */
import { stat } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { list } from "../../fs/list.ts"
import { ifMissing, syscall } from "../../fs/syscall.ts"
import type { ImageUsage, KeptBlob, ReclaimedBlob, Usage } from "../Reclaimed.ts"
import { digestsOf, type KeeperOptions, measure, type Need, needs, orphans, total, treesOf } from "../trees/needs.ts"
import { treeSize } from "../trees/treeSize.ts"

const sum = (blobs: ReadonlyArray<ReclaimedBlob>) => ({ count: blobs.length, bytes: total(blobs) })

const byImage = (rows: ReadonlyArray<Need>, layers: ReadonlyArray<ReclaimedBlob>): ReadonlyArray<ImageUsage> => {
  const sizes = new Map(layers.map(({ digest, bytes }) => [digest, bytes]))
  const users = new Map<string, number>()
  for (const { digest } of rows) if (digest !== null) users.set(digest, (users.get(digest) ?? 0) + 1)
  const images = new Map<string, ImageUsage>()
  for (const { reference, digest } of rows) {
    const { bytes, own } = images.get(reference) ?? { bytes: 0, own: 0 }
    const size = digest === null ? 0 : (sizes.get(digest) ?? 0)
    const alone = digest !== null && users.get(digest) === 1
    images.set(reference, { reference, bytes: bytes + size, own: own + (alone ? size : 0) })
  }
  return [...images.values()].sort((a, b) => (a.reference < b.reference ? -1 : 1))
}

/** Downloads that were cut off, the oldest first. */
const keptBlobs = Effect.fnUntraced(function* ({ root, partialPath }: KeeperOptions) {
  const blobs: Array<KeptBlob> = []
  for (const digest of yield* list(join(root, "partial"))) {
    const path = partialPath(digest)
    const made = yield* ifMissing(syscall("stat", path, () => stat(path)))
    if (made !== undefined) blobs.push({ digest, bytes: yield* treeSize(path), modified: made.mtime.toISOString() })
  }
  return blobs.sort((a, b) => (a.modified < b.modified ? -1 : 1))
})

export const usage = Effect.fnUntraced(function* (options: KeeperOptions) {
  const { root, layersDir, database } = options
  const rows = yield* database.read("usage", needs)
  const needed = digestsOf(rows)
  const [layers, partials] = [yield* measure(yield* treesOf(options, needed)), yield* keptBlobs(options)]
  const catalogue = ["oci.db", "oci.db.spare", "documents", "references"].map((name) => ({
    digest: name,
    path: join(root, name)
  }))
  const used: Usage = {
    images: new Set(rows.map(({ reference }) => reference)).size,
    layers: sum(layers),
    orphans: sum(yield* measure(yield* orphans(options, needed))),
    partials: { ...sum(partials), blobs: partials },
    byImage: byImage(rows, layers),
    staging: yield* treeSize(join(layersDir, ".staging")),
    catalogue: total(yield* measure(catalogue))
  }
  return used
})
