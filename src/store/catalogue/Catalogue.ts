/** Which images were pulled, and what they consist of. The database engine is loaded at the first query. */
import { join } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { ListOptions } from "../../api/config.ts"
import type { Reason } from "../../api/errors.ts"
import type { Emit, PulledImage } from "../../api/events.ts"
import { loadModule } from "../../fs/loadModule.ts"
import { cachedSuccess } from "../../reactive/cachedSuccess.ts"
import { Directories } from "../directories/Directories.ts"
import { Locks } from "../locks/Locks.ts"
import type { ImageDetails, ImageRecord, ImageSummary, RecordedPlatform } from "../records/ImageRecord.ts"
import { hasRecord } from "../records/Records.ts"
import { Trees } from "../trees/Trees.ts"
import type { OpenCatalogue } from "./openCatalogue.ts"

export interface CatalogueOptions {
  /** Receives warnings: a damaged catalogue was rebuilt. */
  readonly emit?: Emit | undefined
}

export class Catalogue extends Context.Service<
  Catalogue,
  {
    /** Path of the catalogue's file. */
    readonly path: string
    /**
     * `false` if the catalogue does not know this reference, unless a power cut lost its record and left its rows.
     * Answered by a directory's existence, without the database engine.
     */
    readonly hasRecord: (reference: string) => Effect.Effect<boolean, Reason>
    /** Loads the engine and the catalogue, for what will be asked soon. */
    readonly prepare: Effect.Effect<void, Reason>
    /**
     * The image, where the catalogue knows it for this platform and every layer is there; with `part`, where that part of it
     * is there. Marks it as used.
     */
    readonly find: (
      reference: string,
      platform: RecordedPlatform,
      part?: string
    ) => Effect.Effect<Option.Option<PulledImage>, Reason>
    /** Enters an image whose layers, or this part of it, are all published: one transaction, on disk when this succeeds. */
    readonly record: (image: ImageRecord, part?: string) => Effect.Effect<PulledImage, Reason>
    /** The stored images, ordered by reference. */
    readonly images: (options?: ListOptions) => Effect.Effect<ReadonlyArray<ImageSummary>, Reason>
    readonly inspect: (reference: string) => Effect.Effect<Option.Option<ImageDetails>, Reason>
    /** The catalogue itself, for those who clean up. */
    readonly open: Effect.Effect<OpenCatalogue, Reason>
  }
>()("ociflow/store/Catalogue") {
  static layer({ emit = () => {} }: CatalogueOptions): Layer.Layer<Catalogue, never, Directories | Locks | Trees> {
    return Layer.effect(
      Catalogue,
      Effect.gen(function* () {
        const { root, lockPath, check, make } = yield* Directories
        const { lease } = yield* Locks
        const { paths, pathsOf, archives, reused, syncRecords } = yield* Trees
        const scope = yield* Effect.scope
        const path = join(root, "oci.db")
        const options = { root, path, lockPath: lockPath("catalogue"), emit, lease, pathsOf, archives, ...paths }
        const opened = cachedSuccess(
          loadModule("the catalogue", () => import("./openCatalogue.ts")).pipe(
            Effect.flatMap(({ openCatalogue }) => openCatalogue(options)),
            Scope.provide(scope)
          )
        )
        const open = Effect.andThen(check, opened)
        return Catalogue.of({
          path,
          hasRecord: (reference) => hasRecord(root, reference),
          prepare: Effect.flatMap(open, (it) => it.prepare),
          find: (reference, platform, part) => Effect.flatMap(open, (it) => it.find(reference, platform, part)),
          record: Effect.fnUntraced(function* (image, part) {
            yield* make
            const others = yield* reused(image.layers)
            yield* syncRecords(image, others, part)
            return yield* (yield* open).record(image, others, part)
          }),
          images: (options) => Effect.flatMap(open, (it) => it.images(options)),
          inspect: (reference) => Effect.flatMap(open, (it) => it.inspect(reference)),
          open
        })
      })
    )
  }
}
