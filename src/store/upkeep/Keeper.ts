/**
 * Forgets images, and removes what no image needs. A pull holds the lock `use` shared, from its first look to its row;
 * layers are taken away under the same lock, exclusive, so that none vanishes between its publishing and its row.
 * Taking away is a rename into the staging area, which is quick; the removal of the trees comes after.
 */
import { randomUUID } from "node:crypto"
import { rename } from "node:fs/promises"
import { join } from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { removeFile } from "../../fs/removeFile.ts"
import { ifMissing, syscall } from "../../fs/syscall.ts"
import { keepNamed } from "../catalogue/Documents.ts"
import { freshness } from "../catalogue/freshness.ts"
import { heldDigests } from "../locks/Holds.ts"
import { tryLock } from "../locks/Lock.ts"
import type { PruneOptions, Reclaimed } from "../Reclaimed.ts"
import { makeFingerprints } from "../trees/Fingerprints.ts"
import {
  digestsOf,
  type KeeperOptions,
  measure,
  type Need,
  needs,
  orphans,
  referencesOf,
  strays,
  total,
  treesOf
} from "../trees/needs.ts"
import { removeTree } from "../trees/removeTree.ts"
import { stagingsIn, sweep } from "../trees/Staging.ts"
import { treeSize } from "../trees/treeSize.ts"
import { prunePartials } from "./prunePartials.ts"

/** Milliseconds. So soon after a use a further one leaves no trace in the row: nobody could tell, so it is not taken. */
const grace = freshness

/** The references whose image somebody holds. */
const held = Effect.fnUntraced(function* ({ root, database }: KeeperOptions) {
  const isHeld = yield* heldDigests(root)
  const named = Effect.flatMap(
    SqlClient,
    (sql) => sql<{ reference: string; digest: string }>`
      SELECT i.reference, m.digest FROM images i JOIN manifests m ON m.image_id = i.id`
  )
  const rows = yield* database.read("prune", named)
  return new Set(rows.flatMap(({ reference, digest }) => (isHeld(digest) ? [reference] : [])))
})

/** The images to go: what was not used for too long, then the longest unused until the rest fits. */
const choose = Effect.fnUntraced(function* (
  options: KeeperOptions,
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
  const sizes = new Map(
    (yield* measure(yield* treesOf(options, digestsOf(left)))).map(({ digest, bytes }) => [digest, bytes])
  )
  const occupied = () => [...digestsOf(left)].reduce((sum, digest) => sum + (sizes.get(digest) ?? 0), 0)
  for (;;) {
    // What is used just now was used last.
    const longest = left.find(({ reference }) => !inUse.has(reference))
    if (longest === undefined || unused(longest) <= grace || occupied() <= keepBytes) break
    gone.set(longest.reference, longest)
    left = left.filter((row) => row.reference !== longest.reference)
  }
  return gone
})

export const makeKeeper = (options: KeeperOptions) => {
  const { root, database, lockPath, area } = options
  const fingerprints = makeFingerprints(root)

  const named = Effect.gen(function* () {
    const sql = yield* SqlClient
    const images = yield* sql<{ reference: string }>`SELECT reference FROM images`
    const documents = yield* sql<{ digest: string }>`
      SELECT digest FROM indexes UNION SELECT digest FROM manifests UNION SELECT digest FROM configs`
    return {
      references: new Set(images.map(({ reference }) => reference)),
      digests: new Set(documents.map(({ digest }) => digest))
    }
  })

  /** What `which` picks of the rows as they are now; gives the rows that went. */
  const forget = (which: (row: Need) => boolean) =>
    Effect.map(
      database.transaction(
        "remove",
        Effect.gen(function* () {
          const sql = yield* SqlClient
          const gone = (yield* needs).filter(which)
          for (const reference of referencesOf(gone)) yield* sql`DELETE FROM images WHERE reference = ${reference}`
          return { gone, kept: yield* named }
        }),
        // The rows first: an image that the catalogue still names needs its documents.
        ({ kept }) => keepNamed(root, kept)
      ),
      ({ gone }) => gone
    )

  /**
   * Takes away layers that no image names and nobody holds, of `among` or of all; `undefined` while a pull is running.
   */
  const collect = (among?: ReadonlySet<string>) =>
    Effect.gen(function* () {
      if (!(yield* tryLock(lockPath("use"), { sharable: true }))) return undefined
      const trash = yield* area
      const query = Effect.gen(function* () {
        const sql = yield* SqlClient
        const unneeded = (yield* orphans(options, digestsOf(yield* needs))).filter(
          ({ digest }) => among?.has(digest) ?? true
        )
        const isHeld = yield* heldDigests(root)
        const going = unneeded.filter(({ digest }) => !isHeld(digest))
        // Tree and row go in one transaction, and the tree first: one that is there without its row could be claimed
        // with a diffID that is not its own.
        for (const { digest } of going) yield* sql`DELETE FROM layers WHERE digest = ${digest}`
        for (const path of yield* strays(options)) yield* removeFile(path)
        const moved = yield* Effect.forEach(
          going,
          Effect.fnUntraced(function* ({ digest, path }) {
            const moved = join(trash, randomUUID())
            yield* ifMissing(syscall("rename", path, () => rename(path, moved)))
            // After its tree: a layer that is there has its stat file.
            yield* removeFile(`${path}.stat`)
            yield* fingerprints.forget(path)
            return { digest, path: moved }
          })
        )
        yield* fingerprints.forgetStrays
        return { moved, held: going.length < unneeded.length, kept: yield* named }
      })
      // A removal that died before this left what it had named.
      return yield* database.transaction("collect", query, ({ kept }) => keepNamed(root, kept))
    }).pipe(Effect.scoped)

  const reclaim = Effect.fnUntraced(function* (among?: ReadonlySet<string>) {
    const taken = yield* collect(among)
    const { moved, held } = taken ?? { moved: [], held: true }
    const layers = yield* measure(moved)
    yield* Effect.forEach(moved, ({ path }) => removeTree(path), { discard: true })
    return { layers, deferred: held }
  })

  return {
    remove: Effect.fnUntraced(function* (wanted: string) {
      const isIt = ({ reference }: Need) => reference === wanted
      const nothing: Reclaimed = { images: [], layers: [], partials: [], staging: 0, bytes: 0, deferred: false }
      if (!(yield* database.read("remove", needs)).some(isIt)) return nothing
      const gone = yield* forget(isIt)
      const { layers, deferred } = yield* reclaim(digestsOf(gone))
      const reclaimed: Reclaimed = { ...nothing, images: referencesOf(gone), layers, bytes: total(layers), deferred }
      return reclaimed
    }),

    prune: Effect.fnUntraced(function* (how: PruneOptions = {}) {
      const rows = yield* database.read("prune", needs)
      const chosen = yield* choose(options, rows, how)
      /** Measuring takes its time: what was used or moved meanwhile stays. */
      const isAsChosen = ({ reference, last_used_at, image }: Need) => {
        const it = chosen.get(reference)
        return it?.last_used_at === last_used_at && it.image === image
      }
      const clean = Effect.gen(function* () {
        const gone = chosen.size === 0 ? [] : yield* forget(isAsChosen)
        return { images: referencesOf(gone), ...(yield* reclaim()) }
      })
      const look = Effect.gen(function* () {
        const left = digestsOf(rows.filter(({ reference }) => !chosen.has(reference)))
        return { images: [...chosen.keys()], layers: yield* measure(yield* orphans(options, left)), deferred: false }
      })
      const { dryRun, unusedFor, partialsFor = unusedFor } = how
      const { images, layers, deferred } = yield* dryRun === true ? look : clean
      const partials = yield* prunePartials(options, { dryRun, keepFor: partialsFor })
      const staging = yield* sweep(stagingsIn(options.layersDir), (area) =>
        Effect.tap(treeSize(area), dryRun === true ? Effect.void : removeTree(area))
      )
      const bytes = total(layers) + total(partials) + staging
      const reclaimed: Reclaimed = { images, layers, partials, staging, bytes, deferred }
      return reclaimed
    })
  }
}
