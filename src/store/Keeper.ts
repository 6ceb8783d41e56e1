/**
 * Forgets images, and removes what no image needs. A pull holds the lock `use` shared, from its first look to its row;
 * layers are taken away under the same lock, exclusive, so that none vanishes between its publishing and its row.
 * Taking away is a rename into the staging area, which is quick; the removal of the trees comes after.
 */
import { randomUUID } from "node:crypto"
import { rename, unlink } from "node:fs/promises"
import { join } from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { forgetReference, keepDocuments } from "./Documents.ts"
import { tryLock } from "./Lock.ts"
import { digestsOf, type KeeperOptions, measure, type Need, needs, orphans, strays, total, treesOf } from "./needs.ts"
import { prunePartials } from "./prunePartials.ts"
import type { PruneOptions, Reclaimed } from "./Reclaimed.ts"
import { removeTree } from "./removeTree.ts"
import { ifMissing, syscall } from "./syscall.ts"

/** The images to go: what was not used for too long, then the longest unused until the rest fits. */
const choose = Effect.fnUntraced(function* (
  options: KeeperOptions,
  rows: ReadonlyArray<Need>,
  { unusedFor, keepBytes }: PruneOptions
) {
  const now = yield* Clock.currentTimeMillis
  const old = (row: Need) => unusedFor !== undefined && now - Date.parse(row.last_used_at) > unusedFor
  const gone = new Set(rows.filter(old).map(({ reference }) => reference))
  if (keepBytes === undefined) return gone
  let left = rows.filter(({ reference }) => !gone.has(reference))
  const sizes = new Map(
    (yield* measure(yield* treesOf(options, digestsOf(left)))).map(({ digest, bytes }) => [digest, bytes])
  )
  const occupied = () => [...digestsOf(left)].reduce((sum, digest) => sum + (sizes.get(digest) ?? 0), 0)
  while (left[0] !== undefined && occupied() > keepBytes) {
    const { reference } = left[0]
    gone.add(reference)
    left = left.filter((row) => row.reference !== reference)
  }
  return gone
})

export const makeKeeper = (options: KeeperOptions) => {
  const { root, database, lockPath, area } = options

  const forget = (references: ReadonlySet<string>) =>
    database.transaction(
      "remove",
      Effect.gen(function* () {
        const sql = yield* SqlClient
        for (const reference of references) {
          yield* sql`DELETE FROM images WHERE reference = ${reference}`
          yield* forgetReference(root, reference)
        }
        const named = yield* sql<{ digest: string }>`
          SELECT digest FROM indexes UNION SELECT digest FROM manifests UNION SELECT digest FROM configs`
        yield* keepDocuments(root, new Set(named.map(({ digest }) => digest)))
      })
    )

  /** Takes away layers that no image names, of `among` or of all; `undefined` while a pull is running. */
  const collect = (among?: ReadonlySet<string>) =>
    Effect.gen(function* () {
      if (!(yield* tryLock(lockPath("use")))) return undefined
      const trash = yield* area
      const query = Effect.gen(function* () {
        const sql = yield* SqlClient
        const unneeded = yield* orphans(options, digestsOf(yield* needs))
        const going = unneeded.filter(({ digest }) => among?.has(digest) ?? true)
        for (const { digest } of going) yield* sql`DELETE FROM layers WHERE digest = ${digest}`
        const unlinked = (path: string) => ifMissing(syscall("unlink", path, () => unlink(path)))
        for (const path of yield* strays(options)) yield* unlinked(path)
        return yield* Effect.forEach(
          going,
          Effect.fnUntraced(function* ({ digest, path }) {
            const moved = join(trash, randomUUID())
            yield* ifMissing(syscall("rename", path, () => rename(path, moved)))
            // After its tree: a layer that is there has its stat file.
            yield* unlinked(`${path}.stat`)
            return { digest, path: moved }
          })
        )
      })
      return yield* database.transaction("collect", query)
    }).pipe(Effect.scoped)

  const reclaim = Effect.fnUntraced(function* (images: ReadonlySet<string>, among?: ReadonlySet<string>) {
    if (images.size > 0) yield* forget(images)
    const taken = yield* collect(among)
    const layers = yield* measure(taken ?? [])
    yield* Effect.forEach(taken ?? [], ({ path }) => removeTree(path), { discard: true })
    return { layers, deferred: taken === undefined }
  })

  return {
    remove: Effect.fnUntraced(function* (reference: string) {
      const rows = (yield* database.read("remove", needs)).filter((row) => row.reference === reference)
      const images = new Set(rows.map((row) => row.reference))
      const { layers, deferred } = yield* reclaim(images, digestsOf(rows))
      const reclaimed: Reclaimed = { images: [...images], layers, partials: [], bytes: total(layers), deferred }
      return reclaimed
    }),

    prune: Effect.fnUntraced(function* (how: PruneOptions = {}) {
      const rows = yield* database.read("prune", needs)
      const gone = yield* choose(options, rows, how)
      const left = digestsOf(rows.filter(({ reference }) => !gone.has(reference)))
      const { layers, deferred } =
        how.dryRun === true
          ? { layers: yield* measure(yield* orphans(options, left)), deferred: false }
          : yield* reclaim(gone)
      const { dryRun, unusedFor, partialsFor = unusedFor } = how
      const cut = yield* prunePartials(options, { dryRun, keepFor: partialsFor })
      const bytes = total(layers) + total(cut)
      const reclaimed: Reclaimed = { images: [...gone], layers, partials: cut, bytes, deferred }
      return reclaimed
    })
  }
}
