/** Selects the images to remove: those not used for too long, then the longest unused until the rest fits. */

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { PruneOptions } from "../../api/config.ts"
import { freshness } from "../catalogue/queries.ts"
import { SqlClient } from "../database/Sql.ts"
import { heldDigests } from "../locks/Holds.ts"
import { type CleanerOptions, keysOf, type Need, sizesOf, treesOf } from "./neededTrees.ts"

/** Milliseconds after a recorded use in which further uses are not recorded. The image may be in use, so it is kept. */
const grace = freshness

/** The references whose image somebody holds. */
const held = Effect.fnUntraced(function* ({ root, database }: CleanerOptions) {
  const isHeld = yield* heldDigests(root)
  const named = Effect.flatMap(
    SqlClient,
    (sql) => sql<{ reference: string; digest: string }>`
      SELECT i.reference, m.digest FROM images i JOIN manifests m ON m.image_id = i.id`
  )
  const rows = yield* database.read("prune", named)
  return new Set(rows.flatMap(({ reference, digest }) => (isHeld(digest) ? [reference] : [])))
})

/** A row of each image to remove, by reference. */
export const selectForRemoval = Effect.fnUntraced(function* (
  options: CleanerOptions,
  rows: ReadonlyArray<Need>,
  { unusedFor, keepBytes }: PruneOptions
) {
  const now = yield* Clock.currentTimeMillis
  const inUse = yield* held(options)
  const unused = ({ reference, last_used_at }: Need) => (inUse.has(reference) ? 0 : now - Date.parse(last_used_at))
  const old = (row: Need) => unusedFor !== undefined && unused(row) > Math.max(unusedFor, grace)
  const gone = new Map(rows.filter(old).map((row) => [row.reference, row]))
  if (keepBytes === undefined) return gone
  let left = rows.filter(({ reference }) => !gone.has(reference))
  const sizes = yield* sizesOf(yield* treesOf(options, keysOf(left)))
  const occupied = () => [...keysOf(left)].reduce((sum, key) => sum + (sizes.get(key) ?? 0), 0)
  for (;;) {
    // An image in use counts as used last.
    const longest = left.find(({ reference }) => !inUse.has(reference))
    if (longest === undefined || unused(longest) <= grace || occupied() <= keepBytes) break
    gone.set(longest.reference, longest)
    left = left.filter((row) => row.reference !== longest.reference)
  }
  return gone
})
