/**
 * The catalogue's file, `oci.db`, shared by every process that uses the store. A read loads the file again if it was
 * replaced. A transaction takes the lock, loads what is new, makes its changes, exports them, writes what differs into
 * the spare file, syncs it and renames it. So nobody's rows are lost, and a crash leaves the old file or the new one.
 */

import { rename } from "node:fs/promises"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { counted } from "../../api/counted.ts"
import { CatalogueFailed, type FileSystemFailed, type Reason } from "../../api/errors.ts"
import type { Emit } from "../../api/events.ts"
import { syscall } from "../../fs/syscall.ts"
import type { Mismatch } from "../../image/json/Shape.ts"
import { lock, lockBriefly } from "../locks/Lock.ts"
import type { Tree } from "../trees/TreePaths.ts"
import { identify } from "./DatabaseFile.ts"
import { forgetCheck, rememberCheck } from "./integrityCheck.ts"
import { RowCache } from "./RowCache.ts"
import { replaceDatabase } from "./replaceDatabase.ts"
import { openSnapshot, type Snapshot } from "./Snapshot.ts"
import { SqlClient, type SqlError } from "./Sql.ts"

/** The errors of a query, besides its own reasons. */
type Failure = SqlError | Mismatch | Reason

export interface DatabaseOptions {
  readonly path: string
  readonly lockPath: string
  readonly emit: Emit
  /** The trees on disk. */
  readonly trees: Effect.Effect<ReadonlyArray<Tree>, FileSystemFailed>
  /** Rebuilds an empty catalogue from the documents on disk. Returns the number of images. */
  readonly rebuild: Effect.Effect<number, Failure, SqlClient>
}

export interface Database {
  /** Runs a query that changes nothing. */
  readonly read: <A, E extends Failure>(name: string, query: Effect.Effect<A, E, SqlClient>) => Effect.Effect<A, Reason>
  /**
   * Runs a query as one transaction, which is on disk when this succeeds. `afterwards` runs then, before any other
   * transaction.
   */
  readonly transaction: <A, E extends Failure>(
    name: string,
    query: Effect.Effect<A, E, SqlClient>,
    afterwards?: (result: A) => Effect.Effect<void, Reason>
  ) => Effect.Effect<A, Reason>
}

const typed =
  (operation: string) =>
  (error: Failure): Reason => {
    switch (error._tag) {
      case "SqlError":
      case "Mismatch":
        return new CatalogueFailed({ operation, problem: error.message, cause: error })
      default:
        return error
    }
  }

/** SQLite found damage that a check of the whole file would have found. */
const isDamage = (error: Failure) => error._tag === "SqlError" && /malformed|not a database/.test(error.message)

/** Statements are not traced: they would be most of a trace, and say nothing about a pull. */
const untraced = Effect.withTracerEnabled(false)

export const openDatabase = Effect.fnUntraced(function* ({ path, lockPath, emit, trees, rebuild }: DatabaseOptions) {
  // One at a time: all share the one database in memory.
  const turn = yield* Semaphore.make(1)
  let current: Snapshot | undefined
  /** The rows in memory were rebuilt from the documents, and are not in the file yet. */
  let restored = false

  const drop = Effect.sync(() => {
    current?.close()
    current = undefined
    restored = false
  })
  yield* Effect.addFinalizer(() => drop)

  const latest = Effect.gen(function* () {
    if (current !== undefined && current.identity === (yield* identify(path))) return current
    yield* drop
    const opened = yield* openSnapshot(path, trees)
    current = opened
    if (opened.fresh) {
      const images = yield* Effect.provideService(rebuild, SqlClient, opened.client).pipe(Effect.onError(() => drop))
      restored = images > 0
      if (opened.damage !== undefined) {
        const message = `${path} is damaged (${opened.damage}); ${counted(images, "image was", "images were")} found again on disk`
        emit({ _tag: "Warning", code: "CatalogueDamaged", message })
      }
    }
    return opened
  })

  const setAside = Effect.gen(function* () {
    const aside = `${path}.damaged-${yield* Clock.currentTimeMillis}`
    yield* syscall("rename", path, () => rename(path, aside))
  })

  const save = Effect.fnUntraced(function* (snapshot: Snapshot) {
    const bytes = yield* Effect.try({
      try: snapshot.export,
      catch: (cause) => new CatalogueFailed({ operation: "export", problem: String(cause), cause })
    })
    if (snapshot.damage !== undefined) yield* setAside
    yield* replaceDatabase(path, bytes)
    const identity = yield* identify(path)
    current = { ...snapshot, identity, damage: undefined, fresh: false, results: new Map() }
    restored = false
    if (identity !== undefined) yield* rememberCheck(path, identity)
  })

  /** If a file that was thought sound is damaged, it is checked, and rebuilt. */
  const oncemore = <A, E extends Failure>(work: Effect.Effect<A, E>) =>
    work.pipe(
      Effect.tapError((error) => (isDamage(error) ? Effect.andThen(forgetCheck(path), drop) : Effect.void)),
      Effect.retry({ times: 1, while: isDamage })
    )

  /**
   * Writes rebuilt rows to the file, since a process that died before its rows were on disk left what they are made
   * from, and this read tells of them. If the file cannot be locked in time, the next process does it.
   */
  const keep = Effect.gen(function* () {
    yield* lock(lockPath)
    yield* Effect.uninterruptible(Effect.flatMap(latest, (snapshot) => (restored ? save(snapshot) : Effect.void)))
  }).pipe(Effect.scoped, Effect.timeout("1 second"), Effect.ignore)

  const read: Database["read"] = (name, query) =>
    turn.withPermit(
      Effect.gen(function* () {
        const found = yield* Effect.uninterruptible(latest)
        // Another process may have written it meanwhile.
        const { client, results } = restored ? yield* Effect.andThen(keep, Effect.uninterruptible(latest)) : found
        return yield* query.pipe(Effect.provideService(SqlClient, client), Effect.provideService(RowCache, results))
      }).pipe(oncemore, Effect.mapError(typed(name)), untraced)
    )

  const transaction: Database["transaction"] = (name, query, afterwards = () => Effect.void) =>
    turn.withPermit(
      Effect.gen(function* () {
        yield* lockBriefly(lockPath)
        // Not interruptible from here to the rename. After a failure, what is in memory and not on disk is dropped.
        return yield* Effect.gen(function* () {
          const snapshot = yield* latest
          const result = yield* snapshot.client
            .withTransaction(query)
            .pipe(Effect.provideService(SqlClient, snapshot.client))
          yield* save(snapshot)
          yield* afterwards(result)
          return result
        }).pipe(
          Effect.onError(() => drop),
          oncemore,
          Effect.uninterruptible
        )
      }).pipe(Effect.scoped, Effect.mapError(typed(name)), untraced)
    )

  const database: Database = { read, transaction }
  return database
})
