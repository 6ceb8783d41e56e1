/** What keeps a store in order: removing, cleaning up, measuring, verifying. Loaded when the first of it is asked for. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { PruneOptions } from "../../api/config.ts"
import type { Reason } from "../../api/errors.ts"
import { loadModule } from "../../fs/loadModule.ts"
import { cachedSuccess } from "../../reactive/cachedSuccess.ts"
import { Catalogue } from "../catalogue/Catalogue.ts"
import { Directories } from "../directories/Directories.ts"
import { Locks } from "../locks/Locks.ts"
import { Staging } from "../trees/Staging.ts"
import { Trees } from "../trees/Trees.ts"
import type { Fault, Reclaimed, Usage } from "../UpkeepResults.ts"
import type { NamedTree } from "./namedTrees.ts"

export class Upkeep extends Context.Service<
  Upkeep,
  {
    /** Forgets a reference, and removes the layers that only it needed. */
    readonly remove: (reference: string) => Effect.Effect<Reclaimed, Reason>
    /** Removes what no image needs, and the images that the options select. */
    readonly prune: (options?: PruneOptions) => Effect.Effect<Reclaimed, Reason>
    readonly usage: Effect.Effect<Usage, Reason>
    /** What on disk differs from the catalogue. The content of trees is not checked. */
    readonly verify: Effect.Effect<ReadonlyArray<Fault>, Reason>
    /** The trees on disk that images name, made with any options. */
    readonly namedTrees: Effect.Effect<ReadonlyArray<NamedTree>, Reason>
  }
>()("ociflow/store/Upkeep") {
  static readonly layer: Layer.Layer<Upkeep, never, Catalogue | Directories | Locks | Staging | Trees> = Layer.effect(
    Upkeep,
    Effect.gen(function* () {
      const { check, make, root, partialPath, lockPath } = yield* Directories
      const { directory: staging, sweepEach } = yield* Staging
      const { lease } = yield* Locks
      const { paths, archives } = yield* Trees
      const { open } = yield* Catalogue
      const loaded = cachedSuccess(
        Effect.gen(function* () {
          const { makeCleaner } = yield* loadModule("the store maintenance module", () => import("./Cleaner.ts"))
          const { usage } = yield* loadModule("the store maintenance module", () => import("./usage.ts"))
          const { namedTrees } = yield* loadModule("the store maintenance module", () => import("./namedTrees.ts"))
          const { database, verify } = yield* open
          const options = { root, ...paths, archives, database, partialPath, lockPath, staging, sweepEach }
          return {
            ...makeCleaner(options),
            usage: usage(options),
            verify: Effect.scoped(Effect.andThen(lease, verify)),
            namedTrees: namedTrees(options)
          }
        })
      )
      return Upkeep.of({
        remove: (reference) => Effect.flatMap(loaded, (it) => it.remove(reference)),
        prune: (options) =>
          Effect.andThen(
            options?.dryRun === true ? check : make,
            Effect.flatMap(loaded, (it) => it.prune(options))
          ),
        usage: Effect.flatMap(loaded, (it) => it.usage),
        verify: Effect.flatMap(loaded, (it) => it.verify),
        namedTrees: Effect.flatMap(loaded, (it) => it.namedTrees)
      })
    })
  )
}
