/**
 * Where trees are made before they get their names: `<layersDir>/.staging/<owner>/`, on the file system of their
 * target, so that a rename publishes them. An owner is one store in one process. It holds the lock `<owner>.lock` as
 * long as it lives, which tells directories of the living from those of the dead.
 */
import { randomUUID } from "node:crypto"
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { defaults } from "../../api/config.ts"
import type { FileSystemFailed, Reason } from "../../api/errors.ts"
import { isDirectory, list, makeDirectory } from "../../fs/directories.ts"
import { syscall } from "../../fs/syscall.ts"
import { prunePartials } from "../blobs/prunePartials.ts"
import { Directories } from "../directories/Directories.ts"
import { lock, tryLock } from "../locks/Lock.ts"
import { discard } from "./publish.ts"
import { removeTree } from "./removeTree.ts"

const suffix = ".lock"

export const stagingsIn = (layersDir: string) => join(layersDir, ".staging")

/**
 * Visits what dead owners left. `each` handles an owner's directory, and returns its bytes. If it fails, the directory
 * is left for the next time.
 */
export const sweep = Effect.fnUntraced(function* (
  stagings: string,
  each: (directory: string) => Effect.Effect<number, FileSystemFailed> = (directory) =>
    Effect.as(removeTree(directory), 0)
) {
  let bytes = 0
  const names = yield* list(stagings)
  // An owner may have died with its lock only, before its directory was there or after. No other name is made of a name.
  const owners = names.map((name) => /^([\da-f-]{36})\.lock$/.exec(name)?.[1] ?? name)
  for (const name of new Set(owners)) {
    if (name.endsWith(suffix)) continue
    bytes += yield* Effect.gen(function* () {
      return (yield* tryLock(join(stagings, name + suffix))) ? yield* each(join(stagings, name)) : 0
    }).pipe(
      Effect.scoped,
      Effect.orElseSucceed(() => 0)
    )
  }
  return bytes
})

/** Makes the owner's directory, which is removed when the scope closes. Meanwhile, `sweeping` goes on beside what follows. */
export const makeStaging = Effect.fnUntraced(function* (
  layersDir: string,
  owner: string,
  sweeping: Effect.Effect<unknown, Reason> = sweep(stagingsIn(layersDir))
) {
  const mine = join(stagingsIn(layersDir), owner)
  // The lock first: a directory without one counts as a dead owner's.
  yield* lock(mine + suffix)
  yield* Effect.addFinalizer(() => Effect.ignore(removeTree(mine)))
  yield* syscall("mkdir", mine, () => makeDirectory(mine))
  yield* Effect.forkScoped(Effect.interruptible(Effect.ignore(sweeping)))
  return mine
})

/** A new directory, removed when the scope closes unless it was renamed. */
const stageIn = (directory: string) =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      // Not `mkdtemp`, whose mode 0700 would become that of the layer's root.
      const path = join(directory, randomUUID())
      return syscall("mkdir", path, () => mkdir(path).then(() => path))
    }),
    (path) => Effect.ignore(discard(path))
  )

export interface StagingOptions {
  /** Milliseconds to keep the bytes of an interrupted download. Default: 7 days. */
  readonly partialsFor?: number | undefined
}

export class Staging extends Context.Service<
  Staging,
  {
    /** This store's own directory, made at its first use. */
    readonly directory: Effect.Effect<string, Reason>
    /** A new directory on the file system of the trees, removed when the scope closes unless it was published. */
    readonly stage: Effect.Effect<string, Reason, Scope.Scope>
    /** Removes, once, what processes left that died while they extracted. */
    readonly sweep: Effect.Effect<void>
    /**
     * Visits what they left, as `sweep` does. Waits for one that runs: that one could be interrupted with a directory
     * half removed, which this one had passed over because its lock was taken.
     */
    readonly sweepEach: (
      each: (directory: string) => Effect.Effect<number, FileSystemFailed>
    ) => Effect.Effect<number, FileSystemFailed>
  }
>()("ociflow/store/Staging") {
  static layer({ partialsFor = defaults.partialsFor }: StagingOptions): Layer.Layer<Staging, never, Directories> {
    return Layer.effect(
      Staging,
      Effect.gen(function* () {
        const { layersDir, check, make, ...paths } = yield* Directories
        const scope = yield* Effect.scope
        const turn = Semaphore.makeUnsafe(1)
        const sweeps = Semaphore.makeUnsafe(1)
        const sweepAll = (each?: (directory: string) => Effect.Effect<number, FileSystemFailed>) =>
          sweeps.withPermit(sweep(stagingsIn(layersDir), each))
        let mine: string | undefined
        // Not `once`: if the root is removed, so is this.
        const owned = Effect.gen(function* () {
          if (mine === undefined || !(yield* isDirectory(mine))) {
            mine = yield* makeStaging(layersDir, randomUUID(), sweepAll())
            const stale = prunePartials(paths, { keepFor: partialsFor })
            yield* Effect.forkScoped(Effect.interruptible(Effect.ignore(stale)))
          }
          return mine
        }).pipe(Effect.uninterruptible, Scope.provide(scope))
        const directory = Effect.andThen(make, turn.withPermit(owned))

        let isSwept = false
        // Not `once`: the fiber that waits for it may be interrupted.
        const sweepOnce = Effect.gen(function* () {
          yield* check
          yield* sweepAll()
          isSwept = true
        }).pipe(Effect.ignore)

        return Staging.of({
          directory,
          stage: Effect.flatMap(directory, stageIn),
          sweep: Effect.suspend(() => (isSwept ? Effect.void : sweepOnce)),
          sweepEach: sweepAll
        })
      })
    )
  }
}
