/**
 * The catalogue as one file's content in memory. A file that is replaced is noticed by its identity: inode, time and
 * size, and SQLite's own count of changes, since a freed inode is soon used again and clocks are coarse.
 */
import { open } from "node:fs/promises"
import * as Effect from "effect/Effect"
import { SqlClient } from "effect/sql/SqlClient"
import { CatalogueTooNew, type FileSystemFailed } from "../errors.ts"
import { migrate, supported, version } from "./migrations.ts"
import { openSqlJs, type SqlJs } from "./SqlJs.ts"
import { ifMissing, syscall } from "./syscall.ts"

export interface Snapshot extends SqlJs {
  readonly identity: string | undefined
  /** Why the file was of no use, where it was: the snapshot then began empty. */
  readonly damage: string | undefined
  /** It began empty, and what is on disk has to be entered. */
  readonly fresh: boolean
}

/** The count of changes is at bytes 24 to 27 of the header (SQLite, "Database File Format", 1.3.7). */
const headerBytes = 28

const inspect = (path: string, whole: boolean) =>
  syscall("read", path, async () => {
    const file = await open(path, "r")
    try {
      const { dev, ino, mtimeNs, size } = await file.stat({ bigint: true })
      const header = new Uint8Array(headerBytes)
      await file.read(header, 0, headerBytes, 0)
      const identity = [dev, ino, mtimeNs, size, Buffer.from(header.subarray(24)).readUInt32BE()].join(":")
      return { identity, bytes: whole ? await file.readFile() : undefined }
    } finally {
      await file.close()
    }
  }).pipe(ifMissing)

/** `undefined` where there is no file. */
export const identify = (path: string): Effect.Effect<string | undefined, FileSystemFailed> =>
  Effect.map(inspect(path, false), (found) => found?.identity)

/** Sound and not from the future; else fails with what is wrong. */
const check = Effect.fnUntraced(function* (path: string, { client }: SqlJs) {
  const rows = yield* client<{ quick_check: string }>`PRAGMA quick_check(1)`
  const verdict = rows[0]?.quick_check ?? "no answer"
  if (verdict !== "ok") return verdict
  const found = yield* Effect.provideService(version, SqlClient, client)
  if (found > supported) return yield* new CatalogueTooNew({ path, found, supported })
  // A database without our tables is somebody else's file, or a zeroed one.
  return found === 0 ? "not a catalogue" : undefined
})

/** Reads the file, migrates what is older in memory only, and begins anew where the file is missing or damaged. */
export const openSnapshot = Effect.fnUntraced(function* (path: string) {
  const found = yield* inspect(path, true)
  let damage: string | undefined
  if (found?.bytes !== undefined) {
    const sqlJs = yield* openSqlJs(found.bytes).pipe(
      Effect.catchTag("SqlError", (error) => Effect.succeed(error.message))
    )
    damage =
      typeof sqlJs === "string"
        ? sqlJs
        : yield* check(path, sqlJs).pipe(
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
