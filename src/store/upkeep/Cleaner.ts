/** Forgets images, and removes what no image needs: `rm` and `prune`. */

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { PruneOptions } from "../../api/config.ts"
import { prunePartials } from "../blobs/prunePartials.ts"
import { freshness } from "../catalogue/queries.ts"
import { reachable } from "../catalogue/reachable.ts"
import { SqlClient } from "../database/Sql.ts"
import { removeUnreachable } from "../records/removeUnreachable.ts"
import { removeTree } from "../trees/removeTree.ts"
import { treeSize } from "../trees/treeSize.ts"
import type { Reclaimed } from "../UpkeepResults.ts"
import { collectGarbage } from "./collectGarbage.ts"
import {
  type CleanerOptions,
  digestsOf,
  keysOf,
  measure,
  type Need,
  needs,
  orphans,
  referencesOf,
  total
} from "./neededTrees.ts"
import { selectForRemoval } from "./selectForRemoval.ts"

/** A last use in the future, from a clock that was set back since, would keep its image until then, so it is set to now. */
const correctTimes = Effect.fnUntraced(function* (options: CleanerOptions) {
  const { database } = options
  const now = yield* Clock.currentTimeMillis
  const isToCome = ({ last_used_at }: Need) => Date.parse(last_used_at) > now + freshness
  if (!(yield* database.read("prune", needs(options))).some(isToCome)) return
  const [latest, time] = [now + freshness, now].map((it) => new Date(it).toISOString())
  const update = Effect.flatMap(
    SqlClient,
    (sql) => sql`UPDATE images SET last_used_at = ${time} WHERE julianday(last_used_at) > julianday(${latest})`
  )
  yield* database.transaction("prune", update)
})

export const makeCleaner = (options: CleanerOptions) => {
  const { root, database } = options

  /** Removes those of the current rows that `which` selects, and returns them. */
  const forget = (which: (row: Need) => boolean) =>
    Effect.map(
      database.transaction(
        "remove",
        Effect.gen(function* () {
          const sql = yield* SqlClient
          const gone = (yield* needs(options)).filter(which)
          for (const reference of referencesOf(gone)) yield* sql`DELETE FROM images WHERE reference = ${reference}`
          return { gone, kept: yield* reachable }
        }),
        // The rows first: an image that the catalogue still names needs its documents.
        ({ kept }) => removeUnreachable(root, kept, { thorough: false })
      ),
      ({ gone }) => gone
    )

  const nothing: Reclaimed = {
    images: [],
    layers: [],
    partials: [],
    staging: 0,
    bytes: 0,
    deferred: false,
    failed: []
  }

  return {
    remove: Effect.fnUntraced(function* (wanted: string) {
      const isIt = ({ reference }: Need) => reference === wanted
      if (!(yield* database.read("remove", needs(options))).some(isIt)) return nothing
      const gone = yield* forget(isIt)
      const collected = yield* collectGarbage(options, digestsOf(gone))
      const { layers } = collected
      const reclaimed: Reclaimed = { ...nothing, images: referencesOf(gone), ...collected, bytes: total(layers) }
      return reclaimed
    }),

    prune: Effect.fnUntraced(function* (how: PruneOptions = {}) {
      const { dryRun, unusedFor, partialsFor = unusedFor } = how
      // First, since they need no row: on a full disk, the rows can be written once these are gone.
      const partials = yield* prunePartials(options, { dryRun, keepFor: partialsFor })
      const staging = yield* options.sweepEach((area) =>
        Effect.tap(treeSize(area), dryRun === true ? Effect.void : removeTree(area))
      )
      if (dryRun !== true) yield* correctTimes(options)
      const rows = yield* database.read("prune", needs(options))
      const chosen = yield* selectForRemoval(options, rows, how)
      /** Measuring takes time: images that were used or moved meanwhile stay. */
      const isAsChosen = ({ reference, last_used_at, image }: Need) => {
        const it = chosen.get(reference)
        return it?.last_used_at === last_used_at && it.image === image
      }
      const clean = Effect.gen(function* () {
        const gone = chosen.size === 0 ? [] : yield* forget(isAsChosen)
        return { images: referencesOf(gone), ...(yield* collectGarbage(options)) }
      })
      const look = Effect.gen(function* () {
        const left = keysOf(rows.filter(({ reference }) => !chosen.has(reference)))
        return { images: [...chosen.keys()], layers: yield* measure(yield* orphans(options, left)) }
      })
      const found = { ...nothing, ...(yield* dryRun === true ? look : clean) }
      const bytes = total(found.layers) + total(partials) + staging
      const reclaimed: Reclaimed = { ...found, partials, staging, bytes }
      return reclaimed
    })
  }
}
