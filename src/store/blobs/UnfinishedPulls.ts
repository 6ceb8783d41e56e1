/**
 * Which pulls have begun and not ended, with the layers that they need: `<root>/pulls/<id>.json`. So after a crash it is
 * known which image the partial blobs were for. A record is not synced: one that a power cut left short is ignored, and a
 * pull does not fail because it could not be written.
 */
import { createHash } from "node:crypto"
import { stat } from "node:fs/promises"
import { join } from "node:path"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Reason } from "../../api/errors.ts"
import { list } from "../../fs/directories.ts"
import { readOwn } from "../../fs/openRegular.ts"
import { ifMissing, removeFile, syscall } from "../../fs/syscall.ts"
import { ownMode, writeAtomic } from "../../fs/writeAtomic.ts"
import { Directories } from "../directories/Directories.ts"
import { tryLock } from "../locks/Lock.ts"

export interface UnfinishedPull {
  readonly reference: string
  /** `os/architecture[/variant]`, as it was asked for. */
  readonly platform: string
  readonly layers: ReadonlyArray<{ readonly digest: string; readonly size: number }>
}

/** The same for each pull of an image for a platform, in every process. */
export const pullId = ({ reference, platform }: Pick<UnfinishedPull, "reference" | "platform">): string =>
  createHash("sha256")
    .update(JSON.stringify([reference, platform]))
    .digest("hex")
    .slice(0, 32)

/** Records that are read; of more, nobody could choose. */
const mostRecords = 1000
/** Milliseconds in which a pull that has just begun has neither a lock nor a byte. */
const young = 60_000

const isRecord = (value: unknown): value is UnfinishedPull => {
  const { reference, platform, layers } = Object(value)
  return (
    typeof reference === "string" &&
    typeof platform === "string" &&
    Array.isArray(layers) &&
    layers.every((layer) => typeof layer?.digest === "string" && Number.isSafeInteger(layer.size) && layer.size >= 0)
  )
}

const parseRecord = (text: string | undefined): UnfinishedPull | undefined => {
  try {
    const value: unknown = JSON.parse(text ?? "null")
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

const directoryOf = (root: string) => join(root, "pulls")
const nameForm = /^[\da-f]{32}\.json$/

const readRecords = Effect.fnUntraced(function* (root: string) {
  const directory = directoryOf(root)
  const names = (yield* list(directory)).filter((name) => nameForm.test(name)).slice(0, mostRecords)
  return yield* Effect.forEach(names, (name) => {
    const path = join(directory, name)
    return Effect.map(readOwn(path), (text) => ({ path, record: parseRecord(text) }))
  })
})

/** Nobody works on a layer of it, in any process. */
const isIdle = ({ layers }: UnfinishedPull, lockPath: (name: string) => string) =>
  Effect.scoped(
    Effect.forEach(layers, ({ digest }) => tryLock(lockPath(digest))).pipe(
      Effect.map((held) => held.every((isHeld) => isHeld))
    )
  )

/** Removes the records of pulls of which nothing is kept. */
export const pruneRecords = Effect.fnUntraced(function* ({
  root,
  partialPath,
  lockPath
}: Pick<Directories["Service"], "root" | "partialPath" | "lockPath">) {
  const now = yield* Clock.currentTimeMillis
  const found = (path: string) => ifMissing(syscall("stat", path, () => stat(path)))
  for (const { path, record } of yield* readRecords(root)) {
    const written = yield* found(path)
    if (written === undefined || Math.abs(now - written.mtimeMs) <= young) continue
    const partials = yield* Effect.forEach(record?.layers ?? [], ({ digest }) => found(partialPath(digest)))
    if (partials.some((it) => it !== undefined)) continue
    if (record === undefined || (yield* isIdle(record, lockPath))) yield* removeFile(path)
  }
})

export class UnfinishedPulls extends Context.Service<
  UnfinishedPulls,
  {
    /** Remembers a pull that begins. */
    readonly add: (pull: UnfinishedPull) => Effect.Effect<void>
    /** Forgets one that has ended, or that nobody wants to resume. */
    readonly remove: (id: string) => Effect.Effect<void>
    /** Those that no process works on. */
    readonly list: Effect.Effect<ReadonlyArray<UnfinishedPull>, Reason>
  }
>()("ociflow/store/UnfinishedPulls") {
  static readonly layer: Layer.Layer<UnfinishedPulls, never, Directories> = Layer.effect(
    UnfinishedPulls,
    Effect.gen(function* () {
      const { root, make, check, lockPath } = yield* Directories
      const pathOf = (id: string) => join(directoryOf(root), `${id}.json`)
      return UnfinishedPulls.of({
        add: (pull) =>
          Effect.suspend(() => {
            const path = pathOf(pullId(pull))
            const bytes = Buffer.from(JSON.stringify(pull))
            return writeAtomic(path, bytes, `${path}.${process.pid}`, { lasting: false, mode: ownMode })
          }).pipe((writing) => Effect.andThen(make, writing), Effect.ignore),
        remove: (id) => Effect.ignore(removeFile(pathOf(id))),
        list: Effect.gen(function* () {
          yield* check
          const records = (yield* readRecords(root)).flatMap(({ record }) => (record === undefined ? [] : [record]))
          return yield* Effect.filter(records, (record) => isIdle(record, lockPath))
        })
      })
    })
  )
}
