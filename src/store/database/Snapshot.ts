/** The catalogue in memory: the content of one file. */
import * as Effect from "effect/Effect"
import type { FileSystemFailed } from "../../api/errors.ts"
import type { Tree } from "../trees/TreePaths.ts"
import { readDatabase } from "./DatabaseFile.ts"
import { hasPassedCheck, rememberCheck } from "./integrityCheck.ts"
import { SqlClient } from "./Sql.ts"
import { openSqlJs, type SqlJs } from "./SqlJs.ts"
import { emptyDatabase } from "./schema/emptyDatabase.ts"
import { migrateTo } from "./schema/schema.ts"
import { schemaPagesProblem } from "./schema/schemaPages.ts"
import { supported, version } from "./schema/version.ts"
import { checkVersion, validateDatabase } from "./validateDatabase.ts"

export interface Snapshot extends SqlJs {
  readonly identity: string | undefined
  /** Why the file could not be used; the snapshot then began empty. */
  readonly damage: string | undefined
  /** It began empty, and has to be rebuilt from the documents. */
  readonly fresh: boolean
  /** What queries found in it. */
  readonly results: Map<string, unknown>
}

/** What is wrong with the database; `undefined` if it is sound. Fails if it is from a newer version. */
const check = Effect.fnUntraced(function* (path: string, identity: string, { client }: SqlJs) {
  const isSound = yield* hasPassedCheck(path, identity)
  const damage = yield* Effect.provideService(isSound ? checkVersion(path) : validateDatabase(path), SqlClient, client)
  if (damage === undefined) yield* rememberCheck(path, identity)
  return damage
})

/** Opens the file's content; otherwise says what keeps SQLite from reading it. */
const openBytes = Effect.fnUntraced(function* (bytes: Uint8Array) {
  const problem = schemaPagesProblem(bytes)
  if (problem !== undefined) return problem
  return yield* openSqlJs(bytes).pipe(Effect.catchTag("SqlError", (error) => Effect.succeed(error.message)))
})

/**
 * Reads the file, migrates an older schema in memory only, and begins empty if the file is missing or damaged. `trees`:
 * those on disk, which older schemas do not list.
 */
export const openSnapshot = Effect.fnUntraced(function* (
  path: string,
  trees: Effect.Effect<ReadonlyArray<Tree>, FileSystemFailed> = Effect.succeed([])
) {
  const found = yield* readDatabase(path)
  let damage: string | undefined
  if (found !== undefined) {
    const sqlJs = yield* openBytes(found.bytes)
    damage =
      typeof sqlJs === "string"
        ? sqlJs
        : yield* check(path, found.identity, sqlJs).pipe(
            Effect.catchTag("SqlError", (error) => Effect.succeed(error.message)),
            Effect.onError(() => Effect.sync(sqlJs.close))
          )
    if (typeof sqlJs !== "string") {
      if (damage === undefined) {
        const known = yield* Effect.provideService(version, SqlClient, sqlJs.client)
        if (known < supported) yield* Effect.provideService(migrateTo(supported, yield* trees), SqlClient, sqlJs.client)
        const snapshot: Snapshot = { ...sqlJs, identity: found.identity, damage, fresh: false, results: new Map() }
        return snapshot
      }
      sqlJs.close()
    }
  }
  const empty = yield* openSqlJs(yield* emptyDatabase)
  const snapshot: Snapshot = { ...empty, identity: found?.identity, damage, fresh: true, results: new Map() }
  return snapshot
})
