/** The catalogue as one file's content in memory. */
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { CatalogueTooNew } from "../../api/errors.ts"
import { readDatabase } from "./DatabaseFile.ts"
import { migrate, supported, version } from "./migrations.ts"
import { openSqlJs, type SqlJs } from "./SqlJs.ts"
import { isKnownSound, rememberSound } from "./soundness.ts"

export interface Snapshot extends SqlJs {
  readonly identity: string | undefined
  /** Why the file was of no use, where it was: the snapshot then began empty. */
  readonly damage: string | undefined
  /** It began empty, and what is on disk has to be entered. */
  readonly fresh: boolean
}

/** Sound and not from the future; else fails with what is wrong. */
const check = Effect.fnUntraced(function* (path: string, identity: string, { client }: SqlJs) {
  // It takes a second where there are 10 000 images.
  if (!(yield* isKnownSound(path, identity))) {
    const rows = yield* client<{ quick_check: string }>`PRAGMA quick_check(1)`
    const verdict = rows[0]?.quick_check ?? "no answer"
    if (verdict !== "ok") return verdict
  }
  const found = yield* Effect.provideService(version, SqlClient, client)
  if (found > supported) return yield* new CatalogueTooNew({ path, found, supported })
  // A database without our tables is somebody else's file, or a zeroed one.
  if (found === 0) return "not a catalogue"
  yield* rememberSound(path, identity)
  return undefined
})

/** Reads the file, migrates what is older in memory only, and begins anew where the file is missing or damaged. */
export const openSnapshot = Effect.fnUntraced(function* (path: string) {
  const found = yield* readDatabase(path)
  let damage: string | undefined
  if (found !== undefined) {
    const sqlJs = yield* openSqlJs(found.bytes).pipe(
      Effect.catchTag("SqlError", (error) => Effect.succeed(error.message))
    )
    damage =
      typeof sqlJs === "string"
        ? sqlJs
        : yield* check(path, found.identity, sqlJs).pipe(
            Effect.catchTag("SqlError", (error) => Effect.succeed(error.message)),
            Effect.onError(() => Effect.sync(sqlJs.close))
          )
    if (typeof sqlJs !== "string") {
      if (damage === undefined) {
        yield* Effect.provideService(migrate, SqlClient, sqlJs.client)
        const snapshot: Snapshot = { ...sqlJs, identity: found.identity, damage, fresh: false }
        return snapshot
      }
      sqlJs.close()
    }
  }
  const empty = yield* openSqlJs()
  yield* Effect.provideService(migrate, SqlClient, empty.client)
  const snapshot: Snapshot = { ...empty, identity: found?.identity, damage, fresh: true }
  return snapshot
})
